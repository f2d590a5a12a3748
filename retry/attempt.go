package retry

import (
	"context"
	"errors"
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
// attempts before it, so that a retry costs one object. It does not change once
// the attempt has begun: code that keeps the context keeps its number.
//
// A first attempt is nil, and its context the caller's, unless it must hide the
// number of an outer policy or has a timeout.
type attempt struct {
	context.Context // the caller's

	n        int
	delay    time.Duration // what the backoff returned last
	sequence Sequence      // of the call, once it began
	lastErr  error         // of the last attempt before it that was not refused, or nil

	limited context.Context // around this one, with a timeout; or nil
	cancel  context.CancelFunc
}

// inherit takes over where the backoff stood at the attempt before.
func (a *attempt) inherit(before *attempt) {
	if before != nil {
		a.delay, a.sequence = before.delay, before.sequence
	}
}

// Value answers for the key of this package. The rest is the caller's, also the
// key by which package context finds a parent: so a child costs no goroutine.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// limit puts a timeout around the attempt's context.
func (a *attempt) limit(d time.Duration) {
	a.limited, a.cancel = context.WithTimeoutCause(a, d, ErrAttemptTimeout)
}

// end frees the timer of the timeout.
func (a *attempt) end() {
	if a != nil && a.cancel != nil {
		a.cancel()
	}
}

// verdict makes err say that the timeout of the attempt ended it, if that is so.
func (a *attempt) verdict(err error) error {
	if a == nil || a.limited == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if context.Cause(a.limited) == ErrAttemptTimeout { //nolint:errorlint // identity is the question: a cause may wrap anything
		return &timeoutError{err}
	}
	return err
}
