package generator

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
)

// core is a generator without its handle.
type core[T any] struct {
	gate
	produce func(context.Context, func(T) bool) error
	buffer  int

	looping atomic.Bool // a loop has taken the turn; when it gives it back, the generator has ended

	// turn is held by the pull or loop at work, and guards what follows, and
	// the gate's body.
	turn     turn
	prefetch *prefetch[T]     // once it has begun, with Buffer
	next     func() (T, bool) // of the coroutine, once there is one
	stop     func()

	peeked    T // the next value, if hasPeeked
	hasPeeked bool

	watched runtime.Cleanup
}

// outcome is how a producer ended.
type outcome struct {
	err     error
	fault   *fault.Fault // on a goroutine of its own
	aborted bool         // by a panic or Goexit that passes through the caller
	refused bool         // it was told that no more is wanted
}

// enter takes the turn, or returns false if done is closed before that.
func (c *core[T]) enter(done <-chan struct{}) bool {
	return c.turn.try() || c.queue(done)
}

// queue is enter for one that found the turn taken.
func (c *core[T]) queue(done <-chan struct{}) bool {
	if c.looping.Load() {
		panic("generator: pull during a loop, which has the generator for itself; " +
			"use Next in place of the loop to mix pulls")
	}
	return c.turn.wait(done)
}

// begin makes what the producer runs with. It returns false, and ends the
// generator, if the producer must not begin.
func (c *core[T]) begin(p *prefetch[T]) (context.Context, bool) {
	ctx, cancel := context.WithCancel(c.ctx) // #nosec G118 -- conclude calls it
	l := &c.theLife
	l.cancel = cancel
	if p != nil {
		c.prefetch, l.halt, l.gone = p, p.ring.Stop, p.gone
	}
	// Published before closed is read; Close sets closed before it looks for
	// the life. So one of the two sees the other.
	c.life.Store(l)
	if c.halted() {
		c.conclude(outcome{refused: true})
		return nil, false
	}
	return ctx, true
}

// conclude ends the generator, after its producer.
func (c *core[T]) conclude(o outcome) {
	if l := c.life.Load(); l != nil {
		l.cancel()
		c.life.Store(nil)
	}
	c.watched.Stop()
	if c.hasPeeked {
		c.takePeeked() // dropped: a coroutine was ended that waits for the one behind it
	}
	c.theEnd = c.judge(o)
	c.ended.Store(&c.theEnd)
}

// judge says why the generator ended. The first that applies counts:
//
//   - A panic or Goexit is never hidden.
//   - The consumer wanted no more: no error, whatever the producer returned.
//   - The context, if the producer was refused because of it, or returned nil or
//     an error of the context's because it had seen that itself.
//   - What the producer returned.
func (c *core[T]) judge(o outcome) ending {
	switch ctxErr := ctxerr.Of(c.ctx); {
	case o.fault != nil:
		return ending{err: o.fault.Err()}
	case o.aborted:
		return ending{err: ErrAborted}
	case c.shut.Load()&closed != 0 || c.body != outside:
		return ending{cut: true}
	case ctxErr != nil && (o.refused || o.err == nil || errors.Is(o.err, c.ctx.Err()) || errors.Is(o.err, context.Cause(c.ctx))):
		return ending{err: ctxErr, cut: true}
	default:
		return ending{err: o.err}
	}
}

func (c *core[T]) close() {
	c.shut.Or(closed)
	if l := c.life.Load(); l != nil {
		l.cancel() // a producer that waits for something lets go of it
		if l.halt != nil {
			l.halt()
			<-l.gone
		}
	}
	// A loop that is not seen here has yet to read closed: no body of it runs.
	if c.looping.Load() {
		return
	}
	if !c.turn.try() {
		c.turn.wait(nil)
	}
	defer c.turn.give()
	c.end()
}

// end ends a producer that is suspended, or has not begun. The caller has the
// turn.
func (c *core[T]) end() {
	switch l := c.life.Load(); {
	case c.ended.Load() != nil:
	case l == nil:
		c.conclude(outcome{refused: true})
	case c.prefetch != nil:
		c.finish()
	default:
		c.stop()
	}
}
