package wrapper

import (
	"context"
	"fmt"
	"time"

	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// Override is how one call differs from what its wrapper says. Zero changes
// nothing. It travels in the context: see WithOverride.
type Override struct {
	// Timeout takes the place of the Timeout layer that is outermost in the
	// wrapper, but for a Recover, be it shorter or longer, and is added outermost
	// where there is none. It holds for one call of a wrapper and not for calls
	// that are made inside it.
	Timeout time.Duration
	// NoRetry makes one attempt, whatever the retry policies say. It too holds for
	// one call and not for those inside it.
	NoRetry bool
	// Priority is the call's place in the queues of the semaphores, as of
	// semaphore.AcquirePriority. It holds for calls that are made inside, too.
	Priority int
	// Key is what PerKey layers choose by: a host, a tenant. It holds for calls
	// that are made inside, too; NoKey takes it away again.
	Key any
}

// NoKey is the Key of an Override that takes an earlier key away: for calls to
// something whose keys are of another kind.
type NoKey struct{}

type overrideKey struct{}

// WithOverride returns a context for calls that differ as o says. What an
// Override of ctx says and o leaves at zero stays. It panics if the timeout is
// negative or the priority out of bounds.
func WithOverride(ctx context.Context, o Override) context.Context {
	if o.Timeout < 0 {
		panic(fmt.Sprintf("wrapper: the Timeout of an Override must not be negative, got %v", o.Timeout))
	}
	if o.Priority < -semaphore.MaxPriority || o.Priority > semaphore.MaxPriority {
		panic(fmt.Sprintf("wrapper: the Priority of an Override must be between %d and %d, got %d",
			-semaphore.MaxPriority, semaphore.MaxPriority, o.Priority))
	}
	old, _ := OverrideOf(ctx)
	o = old.and(o)
	return context.WithValue(ctx, overrideKey{}, &o)
}

func (o Override) and(later Override) Override {
	if later.Timeout > 0 {
		o.Timeout = later.Timeout
	}
	if later.Priority != 0 {
		o.Priority = later.Priority
	}
	if later.Key != nil {
		o.Key = later.Key
	}
	if o.Key == (any)(NoKey{}) {
		o.Key = nil
	}
	o.NoRetry = o.NoRetry || later.NoRetry
	return o
}

// OverrideOf returns what WithOverride said, and whether it said anything.
func OverrideOf(ctx context.Context) (Override, bool) {
	if o := override(ctx); o != nil {
		return *o, true
	}
	return Override{}, false
}

func override(ctx context.Context) *Override {
	o, _ := ctx.Value(overrideKey{}).(*Override)
	return o
}

// Attempt returns the number of the attempt that runs with ctx, from 1: that of
// the innermost retry. The time that is left is told by ctx.Deadline.
func Attempt(ctx context.Context) int { return retry.Attempt(ctx) }

// overridden returns the context, the settings and the frames of a call that
// differs as o says.
func (c *call) overridden(ctx context.Context, o *Override, first *frame) (context.Context, *frame) {
	c.noRetry, c.priority = o.NoRetry, o.Priority
	if o.Timeout == 0 && !o.NoRetry {
		return ctx, first
	}
	rest := Override{Priority: o.Priority, Key: o.Key}
	ctx = context.WithValue(ctx, overrideKey{}, &rest)
	if o.Timeout > 0 {
		first = first.within(newLimit("Timeout", o.Timeout))
	}
	return ctx, first
}

// within returns a copy of the frames in which l is the outermost timeout.
func (f *frame) within(l *limit) *frame {
	g := *f
	switch {
	case g.kind == timed && g.timeout.name == l.name: // that of an attempt stays
		g.timeout = l
	case g.hollow() && g.next != nil: // a wrapper begins with another wrapper, or with a Recover
		g.next = g.next.within(l)
	case g.kind == counted:
		g.kind, g.timeout = timed, l
	default:
		g.life = nil
		return &frame{kind: timed, life: f.life, timeout: l, next: &g}
	}
	return &g
}

// hollow reports whether f has nothing but the lifecycle of its wrapper, or is a
// Recover, which does not care on which side of it a timeout is.
func (f *frame) hollow() bool {
	return f.kind == counted || f.kind == outside && f.foreign == nil
}
