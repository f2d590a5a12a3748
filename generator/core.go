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
	ctx     context.Context // ends the generator
	done    <-chan struct{} // ctx's, nil if it never ends
	produce func(context.Context, func(T) bool) error
	buffer  int

	flags   atomic.Uint32           // see below
	looping atomic.Bool             // a loop has taken the turn; when it gives it back, the generator has ended
	life    atomic.Pointer[life[T]] // from the producer's beginning to its end
	ended   atomic.Pointer[ending]  // set once it has ended, or can no more begin

	// turn is held by the pull or loop at work, and guards what follows.
	turn turn
	next func() (T, bool) // of the coroutine, once there is one
	stop func()
	left bool // the consumer left a loop

	peeked    T // the next value, if hasPeeked
	hasPeeked bool

	watched runtime.Cleanup
}

const (
	askContext uint32 = 1 << iota // the context may end
	closed                        // by Close
	refused                       // a producer on a caller's stack was told so
)

// life is what it takes to end a producer that has begun.
type life[T any] struct {
	cancel   context.CancelFunc
	prefetch *prefetch[T] // nil without Buffer
}

// ending tells why a generator ended.
type ending struct {
	err error
	cut bool // by Close, the context or the consumer, and not by the producer
}

// outcome is how a producer ended.
type outcome struct {
	err     error
	fault   *fault.Fault // on a goroutine of its own
	aborted bool         // by a panic or Goexit that passes through the caller
	refused bool         // it was told that no more is wanted
}

// halted reports whether nothing may be handed out any more. It is the cost of a
// value, and one load where the context never ends. Where it may, the context
// itself is asked: a flag that a watcher sets comes some time after the cancel.
func (c *core[T]) halted() bool {
	f := c.flags.Load()
	return f != 0 && (f > askContext || c.ctx.Err() != nil)
}

// enter takes the turn, or returns false if done is closed before that.
func (c *core[T]) enter(done <-chan struct{}) bool {
	if c.turn.try() {
		return true
	}
	if c.looping.Load() {
		panic("generator: pull during a loop, which has the generator for itself; " +
			"use Next in place of the loop to mix pulls")
	}
	return c.turn.wait(done)
}

// begin makes what the producer runs with. It returns false, and ends the
// generator, if the producer must not begin.
func (c *core[T]) begin(p *prefetch[T]) (context.Context, context.CancelFunc, bool) {
	ctx, cancel := context.WithCancel(c.ctx) // #nosec G118 -- conclude calls it
	// Published before closed is read; Close sets closed before it looks for
	// the life. So one of the two sees the other.
	c.life.Store(&life[T]{cancel, p})
	if c.halted() {
		c.conclude(outcome{refused: true})
		return nil, nil, false
	}
	return ctx, cancel, true
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
	c.ended.Store(c.judge(o))
}

// judge says why the generator ended. The first that applies counts:
//
//   - A panic or Goexit is never hidden.
//   - The consumer wanted no more: no error, whatever the producer returned.
//   - The context, if the producer was refused because of it, or returned nil or
//     an error of the context's because it had seen that itself.
//   - What the producer returned.
func (c *core[T]) judge(o outcome) *ending {
	switch ctxErr := ctxerr.Of(c.ctx); {
	case o.fault != nil:
		return &ending{err: o.fault.Err()}
	case o.aborted:
		return &ending{err: ErrAborted}
	case c.flags.Load()&closed != 0 || c.left:
		return &ending{cut: true}
	case ctxErr != nil && (o.refused || o.err == nil || errors.Is(o.err, c.ctx.Err()) || errors.Is(o.err, context.Cause(c.ctx))):
		return &ending{err: ctxErr, cut: true}
	default:
		return &ending{err: o.err}
	}
}

func (c *core[T]) close() {
	c.flags.Or(closed)
	if l := c.life.Load(); l != nil {
		l.cancel() // a producer that waits for something lets go of it
		if p := l.prefetch; p != nil {
			p.ring.Stop()
			<-p.gone
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
	case l.prefetch != nil:
		c.finish(l.prefetch)
	default:
		c.stop()
	}
}
