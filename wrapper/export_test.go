package wrapper

import (
	"context"
	"time"
)

// StartDeadline is context.WithTimeoutCause by our own context, for the suite
// that compares the two.
func StartDeadline(parent context.Context, d time.Duration) (context.Context, context.CancelFunc, error) {
	l := newLimit("Timeout", d)
	c := l.start(parent)
	return c, c.end, l.cause
}

// IsDeadline reports whether ctx is of our own kind.
func IsDeadline(ctx context.Context) bool {
	_, ok := ctx.(*deadline)
	return ok
}

// DeadlineArmed reports whether anybody has listened to a context of ours.
func DeadlineArmed(ctx context.Context) bool {
	c, ok := ctx.(*deadline)
	return ok && c.inner.Load() != nil && c.inner.Load() != done
}

// ContextKey is the key by which package context looks for its own contexts.
var ContextKey = contextKey
