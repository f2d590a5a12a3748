package retry

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/rejection"
)

// The sentinels tell with errors.Is how a call ended. The first matches every
// *ExhaustedError, the last its Last, the others its Cause.
var (
	// ErrExhausted is returned when the policy made no further attempt although
	// the last error allowed one.
	ErrExhausted = errors.New("retry: gave up")

	// ErrWouldExceedDeadline is returned when the pause before the next attempt
	// would not end before the deadline of the context. It matches
	// context.DeadlineExceeded too.
	ErrWouldExceedDeadline = fmt.Errorf("retry: the pause would exceed the deadline: %w", context.DeadlineExceeded)

	// ErrMaxElapsed is returned when the pause before the next attempt would
	// exceed [MaxElapsed].
	ErrMaxElapsed = errors.New("retry: the pause would exceed MaxElapsed")

	// ErrBudgetSpent is returned when the [Budget] has no retry left.
	ErrBudgetSpent = errors.New("retry: the budget is spent")

	// ErrBackoffStopped is returned when the [Sequence] of the call returned a
	// negative pause.
	ErrBackoffStopped = errors.New("retry: the backoff stopped")

	// ErrAttemptTimeout is returned when an attempt ended because its
	// [AttemptTimeout] passed. It matches context.DeadlineExceeded too.
	ErrAttemptTimeout = fmt.Errorf("retry: the attempt timed out: %w", context.DeadlineExceeded)
)

// PanicError is what a call panics with if the second run of a hedged attempt
// panicked on its own goroutine: with the value and the stack from there.
type PanicError = fault.PanicError

// ExhaustedError is the error of a call that failed for good although its last
// error allowed another attempt. errors.Is and errors.As find [ErrExhausted],
// Last and Cause.
type ExhaustedError struct {
	// Attempts is how many were made.
	Attempts int
	// Last is the error of the last attempt that tells of the work: where the
	// last attempt was refused, or failed because the context ended, it is that
	// of an earlier attempt, if there is one.
	Last error
	// Cause is what ended the call: the context's error, a rejection, one of
	// this package's errors, or nil if there were as many attempts as allowed.
	Cause error
}

// Error names what ended the call and the last error.
func (e *ExhaustedError) Error() string {
	attempts := "attempts"
	if e.Attempts == 1 {
		attempts = "attempt"
	}
	if e.Cause == nil {
		return fmt.Sprintf("retry: gave up after %d %s: %v", e.Attempts, attempts, e.Last)
	}
	return fmt.Sprintf("retry: gave up after %d %s: %v; last error: %v", e.Attempts, attempts, e.Cause, e.Last)
}

// Is reports whether target is [ErrExhausted].
func (e *ExhaustedError) Is(target error) bool { return target == ErrExhausted }

// Unwrap returns Last and, if there is one, Cause.
func (e *ExhaustedError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Last}
	}
	return []error{e.Last, e.Cause}
}

// Rejected reports whether every attempt was refused before the work ran: else
// Last is the error of work that ran. A rejection after an attempt that did run
// is the Cause, and makes no rejection of the whole call.
func (e *ExhaustedError) Rejected() bool { return rejection.Is(e.Last) }
