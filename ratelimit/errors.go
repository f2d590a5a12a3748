package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// The sentinels are rejections: no token was taken and nothing ran. Each has
// Rejected() bool and RetryAfter() time.Duration, which is 0 where it is unknown.
var (
	// ErrExceedsBurst is returned when more tokens are asked for than the bucket
	// holds, so that no wait could ever help.
	ErrExceedsBurst = rejection.New("ratelimit: request exceeds the burst")

	// ErrWouldExceedDeadline is returned when the tokens would not come before
	// the deadline of the context. The error is a *[WaitError].
	ErrWouldExceedDeadline = rejection.New("ratelimit: wait would exceed the deadline")

	// ErrWouldExceedMaxWait is returned when the tokens would not come within
	// MaxWait, and that ends before the deadline of the context, if there is one. The
	// error is a *[WaitError].
	ErrWouldExceedMaxWait = rejection.New("ratelimit: wait would exceed MaxWait")

	// ErrQueueFull is returned when as many callers wait as MaxWaiters allows.
	ErrQueueFull = rejection.New("ratelimit: too many waiters")
)

// WaitError is a wait that was refused because it would be too long: for the context,
// in which case it matches [ErrWouldExceedDeadline] and context.DeadlineExceeded with
// errors.Is, or for the option MaxWait, in which case it matches
// [ErrWouldExceedMaxWait] alone.
type WaitError struct {
	// N is the number of tokens that were asked for.
	N int
	// Delay is how long the wait would have been. It is [Never] while the rate
	// is paused.
	Delay time.Duration
	// MaxWait is the option's bound, if it was that; 0 for the context's deadline.
	MaxWait time.Duration
}

// Never is a delay that no wait fulfils: the rate is paused, or more tokens are
// asked for than the bucket holds.
const Never = time.Duration(never)

// Error says how long the wait would have been.
func (e *WaitError) Error() string {
	bound := ErrWouldExceedDeadline.Error()
	if e.MaxWait > 0 {
		bound = fmt.Sprintf("%v of %v", ErrWouldExceedMaxWait, e.MaxWait)
	}
	switch {
	case e.Delay == Never && e.N == 1:
		return bound + ": a token does not come while the rate is paused"
	case e.Delay == Never:
		return fmt.Sprintf("%s: %d tokens do not come while the rate is paused", bound, e.N)
	case e.N == 1:
		return fmt.Sprintf("%s: a token comes in %v", bound, e.Delay)
	}
	return fmt.Sprintf("%s: %d tokens come in %v", bound, e.N, e.Delay)
}

// Unwrap returns what the error matches.
func (e *WaitError) Unwrap() []error {
	if e.MaxWait > 0 {
		return []error{ErrWouldExceedMaxWait}
	}
	return []error{ErrWouldExceedDeadline, context.DeadlineExceeded}
}

// Rejected is true: the work was refused and never ran.
func (e *WaitError) Rejected() bool { return true }

// RetryAfter returns the delay, and 0, which is unknown, for [Never].
func (e *WaitError) RetryAfter() time.Duration {
	if e.Delay == Never {
		return 0
	}
	return e.Delay
}

// ours reports whether err is a rejection of this package, as it is.
func ours(err error) bool {
	_, late := err.(*WaitError)                                  //nolint:errorlint // identity is the question: a cause may wrap anything
	return late || err == ErrExceedsBurst || err == ErrQueueFull //nolint:errorlint // the same
}

func retryAfterOf(err error) time.Duration {
	after, _ := rejection.After(err)
	return after
}
