package wrapper

import (
	"context"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// gate is a place to wait: a limiter or a semaphore, ours or a foreign one, one
// for all or one for each key. Exactly one of the fields behind from is set, but
// that learner comes with a waiter.
//
// A Multi and a window give their tokens back like a Limiter, which costs an
// allocation: they are waiters where nothing behind them can refuse a call. The
// limiters that cannot give one back are always: a Batch, whose block is spent in any
// case, an Adaptive, those for each key, and those of others.
type gate struct {
	from Layer

	limiter   *ratelimit.Limiter
	multi     *ratelimit.Multi
	window    window
	semaphore *semaphore.Semaphore
	adaptive  *semaphore.Adaptive
	keyed     keyedGate
	acquirer  Acquirer
	waiter    Waiter
	learner   *ratelimit.Adaptive
}

// window is a quota for a stretch of time.
type window interface {
	Waiter
	WaitToken(ctx context.Context) (ratelimit.WindowToken, error)
}

// onlyWaits makes a waiter of a gate that gives tokens back, for where none will be.
func (g *gate) onlyWaits() {
	switch {
	case g.multi != nil:
		g.waiter, g.multi = g.multi, nil
	case g.window != nil:
		g.waiter, g.window = g.window, nil
	}
}

// keyedGate is a limiter or a semaphore for each key.
type keyedGate interface {
	enter(ctx context.Context, key any, priority int) error
	leave(key any)
}

// keyedBreakers is a breaker for each key.
type keyedBreakers interface {
	breaker(key any) (*breaker.Breaker, error)
}

// keyedWrappers is a wrapper for each key.
type keyedWrappers interface {
	// enter counts a call in, and returns the frames of the key and what leave needs.
	enter(ctx context.Context, key any) (*frame, any, error)
	leave(entry any)
}

// gateOf returns the gate that a layer is, if it is one. Layers that have a field
// in the frame are not asked for here.
func gateOf(l Layer) (gate, bool) {
	g := gate{from: l}
	switch l := l.(type) {
	case *semaphore.Adaptive:
		g.adaptive = l
	case *ratelimit.Multi:
		g.multi = l
	case *ratelimit.Batch:
		g.waiter = l
	case *ratelimit.FixedWindow:
		g.window = l
	case *ratelimit.SlidingWindow:
		g.window = l
	case *ratelimit.Adaptive:
		g.waiter, g.learner = l, l
	case waiterLayer:
		g.waiter = l.waiter
	case acquirerLayer:
		g.acquirer = l.acquirer
	case keyedPart:
		g.keyed, _ = l.part().(keyedGate)
		return g, g.keyed != nil
	default:
		return g, false
	}
	return g, true
}

// holds reports whether the gate is left when the call has ended, as that of a
// semaphore is.
func (g *gate) holds() bool {
	_, limits := g.keyed.(interface{ limits() })
	return g.semaphore != nil || g.adaptive != nil || g.acquirer != nil || g.keyed != nil && !limits
}

func (g *gate) String() string { return name(g.from) }

func (g *gate) means() string {
	if g.holds() {
		return "waits for a permit, and holds it until what is inside has ended"
	}
	return "waits for a token"
}
