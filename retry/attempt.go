package retry

import (
	"context"
	"errors"
	"fmt"
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

// limit puts the timeout of a policy around the attempt's context. Where the
// caller's deadline comes first, or at the same instant, it needs no other one:
// two timers of one instant fire in any order, and the attempt would be said to
// have timed out, as if the call could go on.
func (a *attempt) limit(t *attemptTimeout) {
	if at, ok := a.Deadline(); ok && time.Until(at) <= t.d {
		a.limited, a.cancel = context.WithCancel(a)
		return
	}
	a.limited, a.cancel = context.WithTimeoutCause(a, t.d, t)
}

// end frees the timer of the timeout.
func (a *attempt) end() {
	if a != nil && a.cancel != nil {
		a.cancel()
	}
}

// timedOut reports whether the attempt's own timeout has passed. The cause tells
// it from any other deadline, but not from that of an attempt around this one by
// the same policy.
func (a *attempt) timedOut(t *attemptTimeout) bool {
	//nolint:errorlint // identity is the question: a cause may wrap anything
	return a != nil && a.limited != nil && context.Cause(a.limited) == error(t) && context.Cause(a.Context) != error(t)
}

// verdict makes err say that the timeout ended the attempt, if that is so and it
// does not say so yet, as the cause of the attempt's context does.
func (a *attempt) verdict(err error, t *attemptTimeout) error {
	if errors.Is(err, context.DeadlineExceeded) && a.timedOut(t) && !errors.Is(err, t) {
		return &timeoutError{t, err}
	}
	return err
}

// attemptTimeout is the timeout of the attempts of one policy, and the cause of
// a context that it ended.
type attemptTimeout struct{ d time.Duration }

func (t *attemptTimeout) Error() string {
	return fmt.Sprintf("retry: the attempt took longer than %v", t.d)
}
func (t *attemptTimeout) Is(target error) bool { return target == ErrAttemptTimeout }
func (t *attemptTimeout) Unwrap() error        { return context.DeadlineExceeded }

// timeoutError is the error of an attempt that its timeout ended.
type timeoutError struct {
	timeout *attemptTimeout
	err     error
}

func (e *timeoutError) Error() string   { return e.timeout.Error() + ": " + e.err.Error() }
func (e *timeoutError) Unwrap() []error { return []error{e.timeout, e.err} }
