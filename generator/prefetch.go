package generator

import (
	"context"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// prefetch is a producer on a goroutine of its own.
type prefetch[T any] struct {
	ring *stream.Ring[T]
	gone chan struct{} // closed when the goroutine has nothing more to do

	// Valid once gone is closed.
	outcome outcome
}

// prefetching starts the producer if it has not begun, and returns nil if it must
// not. The caller has the turn.
func (c *core[T]) prefetching() *prefetch[T] {
	if c.prefetch != nil {
		return c.prefetch
	}
	p := &prefetch[T]{ring: stream.NewRing[T](c.buffer), gone: make(chan struct{})}
	ctx, ok := c.begin(p)
	if !ok {
		close(p.gone) // a Close that has seen the life waits for it
		return nil
	}
	go p.run(ctx, c)
	return p
}

func (p *prefetch[T]) run(ctx context.Context, c *core[T]) {
	o := &p.outcome
	push := p.ring.Push // what ends the generator stops the ring
	if c.ask != nil {
		p.ring.Until(ctx.Done())
		push = func(v T) bool {
			// Both say no for good, and ctx is done by then.
			if ctx.Err() != nil || !p.ring.Push(v) {
				o.refused = true // not written before: the consumer reads this cache line
				return false
			}
			return true
		}
	}
	fault.Catch(func() { o.err = c.produce(ctx, push) }, func(f *fault.Fault) {
		o.fault = f
		p.ring.Close()
		close(p.gone)
	})
}

// finish stops the producer, waits for it and ends the generator. The caller has
// the turn.
func (c *core[T]) finish() {
	p := c.prefetch
	// Looked at before Stop: the producer may have returned by itself, and then
	// all that it made was handed out, or not.
	dropped := !p.ring.Drained() || c.hasPeeked
	c.life.Load().cancel()
	p.ring.Stop()
	<-p.gone
	o := p.outcome
	o.refused = o.refused || dropped || c.shut.Load()&refused != 0
	c.conclude(o)
}
