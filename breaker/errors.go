package breaker

import (
	"errors"
	"time"

	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/rejection"
)

// ErrOpen is what every rejection of a breaker matches with errors.Is. The
// error itself is an [*OpenError].
var ErrOpen = rejection.New("breaker: circuit open")

// Causes of an opening that no call has returned. They are found in
// [OpenError.Cause] and [StateChange.Cause].
var (
	// ErrNoReturn is the cause when a call panicked or ended with runtime.Goexit.
	ErrNoReturn = errors.New("breaker: the call panicked or exited its goroutine")

	// ErrSlow is the cause when a call succeeded but was too slow.
	ErrSlow = errors.New("breaker: the call was too slow")

	// ErrStuck is the cause when too many calls were in flight for too long.
	ErrStuck = errors.New("breaker: calls in flight are stuck")

	// ErrLeaseExpired is the cause when a probe did not report within ProbeLease.
	ErrLeaseExpired = errors.New("breaker: a probe did not report in time")

	// ErrHalfOpenTooLong is the cause when half-open ended by HalfOpenFor.
	ErrHalfOpenTooLong = errors.New("breaker: half-open for too long")
)

// OpenError is returned for a call that was refused: it did not run. It is made
// once for each opening and shared by the calls that it refuses, so a rejection
// allocates nothing.
type OpenError struct {
	// State is Open, HalfOpen if all probes are taken, or Closed if the breaker
	// ramps up and it was not this call's turn.
	State State
	// Cause is what opened the breaker: the error of the call that was one too
	// many, what was given to ForceOpen, or one of this package's causes. Where
	// a success was one too many, because only then the window held enough calls
	// for a rate, it is the error of the last failure. It is not in the chain that
	// errors.Is searches, because it is not the error of the call that was
	// refused.
	Cause error

	until int64 // 0: unknown
	clock mono.Clock
}

// Error names the state and the cause.
func (e *OpenError) Error() string {
	msg := "breaker: circuit open"
	switch e.State {
	case HalfOpen:
		msg = "breaker: circuit half-open, all probes taken"
	case Closed:
		msg = "breaker: circuit recovering, only some calls admitted"
	case Open:
	}
	if e.Cause == nil {
		return msg
	}
	return msg + ": " + e.Cause.Error()
}

// Is reports whether target is [ErrOpen].
func (e *OpenError) Is(target error) bool {
	return target == ErrOpen
}

// Rejected returns true: the call was refused and never ran.
func (e *OpenError) Rejected() bool { return true }

// overdue is what RetryAfter returns once the open time is over: the timer that
// ends it may be late on a busy machine, and who is told to come back at once
// would come back in a busy loop until then.
const overdue = time.Millisecond

// RetryAfter returns how long it is, from now on, until a probe may be
// admitted; a millisecond if that moment is past. It is 0 if that is unknown: if
// the breaker is forced open or not open at all. It is never 0 for a breaker
// that opened by itself.
func (e *OpenError) RetryAfter() time.Duration {
	if e.until == 0 {
		return 0
	}
	if left := time.Duration(e.until - e.clock.Now()); left > 0 {
		return left
	}
	return overdue
}
