package generator

import "iter"

// pull takes the next value. It returns false if the generator has ended, or if
// done is closed while it waits for something else than the producer's own work.
func (c *core[T]) pull(done <-chan struct{}) (v T, ok bool) {
	if c.ended.Load() != nil || !c.enter(done) {
		return v, false
	}
	defer c.turn.give()
	return c.take(done)
}

// take is pull for the one that has the turn.
func (c *core[T]) take(done <-chan struct{}) (v T, ok bool) {
	switch {
	case c.ended.Load() != nil:
		return v, false
	case c.halted():
		c.end()
		return v, false
	case c.buffer > 0:
		return c.takePrefetched(done)
	case c.next == nil:
		c.next, c.stop = iter.Pull(func(yield func(T) bool) { c.run(yield, false) })
	}
	return c.next()
}

func (c *core[T]) takePrefetched(done <-chan struct{}) (v T, ok bool) {
	p := c.prefetching()
	if p == nil {
		return v, false
	}
	if v, ok = p.ring.NextUntil(c.done, done); !ok && (c.halted() || p.ring.Drained()) {
		c.finish(p)
	}
	return v, ok
}
