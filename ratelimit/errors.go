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
	// the deadline of the context or within MaxWait. The error is a *[WaitError].
	ErrWouldExceedDeadline = rejection.New("ratelimit: wait would exceed the deadline")

	// ErrQueueFull is returned when as many callers wait as MaxWaiters allows.
	ErrQueueFull = rejection.New("ratelimit: too many waiters")
)

// WaitError is a wait that was refused because it would be too long. It matches
// [ErrWouldExceedDeadline] and context.DeadlineExceeded with errors.Is.
type WaitError struct {
	// N is the number of tokens that were asked for.
	N int
	// Delay is how long the wait would have been. It is [Never] while the rate
	// is paused.
	Delay time.Duration
}

// Never is a delay that no wait fulfils: the rate is paused, or more tokens are
// asked for than the bucket holds.
const Never = time.Duration(never)

// Error says how long the wait would have been.
func (e *WaitError) Error() string {
	switch {
	case e.Delay == Never && e.N == 1:
		return fmt.Sprintf("%v: a token does not come while the rate is paused", ErrWouldExceedDeadline)
	case e.Delay == Never:
		return fmt.Sprintf("%v: %d tokens do not come while the rate is paused", ErrWouldExceedDeadline, e.N)
	case e.N == 1:
		return fmt.Sprintf("%v: a token comes in %v", ErrWouldExceedDeadline, e.Delay)
	}
	return fmt.Sprintf("%v: %d tokens come in %v", ErrWouldExceedDeadline, e.N, e.Delay)
}

// Unwrap returns ErrWouldExceedDeadline and context.DeadlineExceeded.
func (e *WaitError) Unwrap() []error {
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
