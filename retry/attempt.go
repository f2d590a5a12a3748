package retry

import (
	"context"
	"time"
)

// Attempt returns the number of the attempt that runs with ctx, of the
// innermost policy: 1 for the first, and where there is no policy.
func Attempt(ctx context.Context) int {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		return a.n
	}
	return 1
}

type attemptKey struct{}

// attempt is the context of an attempt, and what the policy has to know of the
// attempts before it, so that a retry costs one object. It never changes: code
// that keeps the context of an attempt keeps its number.
//
// A first attempt has none, unless it must hide the number of an outer policy.
type attempt struct {
	context.Context // the caller's

	n       int
	delay   time.Duration // what Backoff returned last
	lastErr error         // of the last attempt before it that was not refused, or nil
}

// Value answers for the key of this package. The rest is the caller's, also the
// key by which package context finds a parent: so a child costs no goroutine.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}
