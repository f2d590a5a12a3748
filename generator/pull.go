package generator

import (
	"context"
	"io"
	"iter"
	"runtime"

	"github.com/weirkit/weir/internal/ctxerr"
)

// Next returns the next value, waiting until there is one, and whether there was:
// false means that the generator has ended. Without [Buffer] it runs the producer,
// and nothing interrupts that while it computes; a producer that watches its
// context ends when the generator's is done or with Close.
func (g *Generator[T]) Next() (v T, ok bool) { return g.pull(nil) }

// NextContext is [Generator.Next] with a context for the wait. It returns
//
//   - [io.EOF] if the generator has ended, where Err is nil,
//   - Err if it has ended otherwise,
//   - ctx.Err() if ctx is done (an error that matches context.Cause(ctx) too, if
//     there is a cause of its own), which ends nothing: the value is still there
//     for the next pull.
//
// ctx ends the wait for a value that another goroutine makes, with [Buffer], and
// the wait for another pull. It cannot interrupt a producer on the caller's stack.
func (g *Generator[T]) NextContext(ctx context.Context) (v T, err error) {
	if err := ctxerr.Of(ctx); err != nil {
		return v, err
	}
	v, ok := g.pull(ctx.Done())
	if ok {
		return v, nil
	}
	e := g.core.ended.Load()
	switch {
	case e == nil:
		return v, ctxerr.Of(ctx)
	case e.err != nil:
		return v, e.err
	}
	return v, io.EOF
}

// Peek returns what Next would return, and leaves it there.
func (g *Generator[T]) Peek() (v T, ok bool) {
	c := g.made()
	if c.ended.Load() != nil || !c.enter(nil) {
		return v, false
	}
	defer c.turn.give()
	v, ok = g.take(nil)
	if ok {
		c.peeked, c.hasPeeked = v, true
	}
	return v, ok
}

// pull takes the next value. It returns false if the generator has ended, or if
// done is closed while it waits for something else than the producer's own work.
func (g *Generator[T]) pull(done <-chan struct{}) (v T, ok bool) {
	c := g.made()
	if c.ended.Load() != nil || !c.turn.try() && !c.queue(done) {
		return v, false
	}
	defer c.turn.give() // the producer may panic
	if c.next == nil || c.hasPeeked || c.halted() {
		return g.take(done)
	}
	v, ok = c.next() // also if it ended meanwhile: then it has no more values
	runtime.KeepAlive(g)
	return v, ok
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
	case c.hasPeeked:
		return c.takePeeked(), true
	case c.buffer > 0:
		return g.takePrefetched(done)
	case c.next == nil:
		c.next, c.stop = iter.Pull(func(yield func(T) bool) { c.run(c.passing(yield), false) })
		g.watch()
	}
	v, ok = c.next()
	runtime.KeepAlive(g) // next and stop must not run at the same time
	return v, ok
}

func (c *core[T]) takePeeked() T {
	var zero T
	v := c.peeked
	c.peeked, c.hasPeeked = zero, false
	return v
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
	if v, ok = p.ring.NextUntil(done); !ok && (c.halted() || p.ring.Drained()) {
		c.finish()
	}
	runtime.KeepAlive(g)
	return v, ok
}
