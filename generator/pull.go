package generator

import (
	"iter"
	"runtime"
)

// pull takes the next value. It returns false if the generator has ended, or if
// done is closed while it waits for something else than the producer's own work.
func (g *Generator[T]) pull(done <-chan struct{}) (v T, ok bool) {
	c := g.core
	if c.ended.Load() != nil || !c.enter(done) {
		return v, false
	}
	defer c.turn.give() // the producer may panic
	return g.take(done)
}

// take is pull for the one that has the turn.
func (g *Generator[T]) take(done <-chan struct{}) (v T, ok bool) {
	c := g.core
	switch {
	case c.ended.Load() != nil:
		return v, false
	case c.halted():
		c.end()
		return v, false
	case c.buffer > 0:
		return g.takePrefetched(done)
	case c.next == nil:
		c.next, c.stop = iter.Pull(func(yield func(T) bool) { c.run(yield, false) })
		g.watch()
	}
	v, ok = c.next()
	runtime.KeepAlive(g) // next and stop must not run at the same time
	return v, ok
}

func (g *Generator[T]) takePrefetched(done <-chan struct{}) (v T, ok bool) {
	c := g.core
	if c.life.Load() == nil {
		g.watch()
	}
	p := c.prefetching()
	if p == nil {
		return v, false
	}
	if v, ok = p.ring.NextUntil(c.done, done); !ok && (c.halted() || p.ring.Drained()) {
		c.finish(p)
	}
	runtime.KeepAlive(g)
	return v, ok
}
