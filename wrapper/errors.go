package wrapper

import (
	"context"
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/internal/slot"
)

// ErrClosed is returned by calls that begin after Close or Shutdown. It is a
// rejection: the call never ran.
var ErrClosed = rejection.New("wrapper: closed")

// ErrNoKey is returned by a PerKey layer for a call without a key of its type. It
// is a rejection.
var ErrNoKey = rejection.New("wrapper: the context has no key of the type that PerKey needs; give it with WithOverride")

// ErrTooManyKeys is returned by a Keyed for a call with a new key while each of
// the MaxKeys others has a call running. It is a rejection.
var ErrTooManyKeys = rejection.New("wrapper: as many keys as there may be have calls running")

// ErrTimeout is matched by every error of a call that a Timeout or an
// AttemptTimeout ended. It matches context.DeadlineExceeded too. A deadline
// that the caller's own context brought is never reported as ErrTimeout.
var ErrTimeout error = timeoutSentinel{}

// ErrNotRun is returned when a foreign layer reported success although no run
// of the function had succeeded.
var ErrNotRun = slot.ErrNotRun

type timeoutSentinel struct{}

func (timeoutSentinel) Error() string        { return "wrapper: timed out" }
func (timeoutSentinel) Timeout() bool        { return true }
func (timeoutSentinel) Is(target error) bool { return target == context.DeadlineExceeded }

// TimeoutError is the error of a call that one of our timeouts ended. It
// matches ErrTimeout, context.DeadlineExceeded and whatever the call itself
// returned.
type TimeoutError struct {
	// Limit is the timeout that passed.
	Limit time.Duration
	// Err is what the call returned when it noticed, nil if that was nothing but
	// the context's error.
	Err error
}

// Error names the limit and, if the call had more to say, its error.
func (e *TimeoutError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("wrapper: timed out after %v", e.Limit)
	}
	return fmt.Sprintf("wrapper: timed out after %v: %v", e.Limit, e.Err)
}

// Is matches ErrTimeout and context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// Unwrap returns Err.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Timeout is true, as for the timeouts of package net.
func (e *TimeoutError) Timeout() bool { return true }

// verdict returns what a call under c returns for err: err itself, or a
// *TimeoutError if our deadline has passed.
func (c *deadline) verdict(err error) error {
	if err == nil || !c.fired() {
		return err
	}
	if err == error(c.limit.cause) || err == context.DeadlineExceeded { //nolint:errorlint // what wraps them has more to say
		return c.limit.cause
	}
	return &TimeoutError{Limit: c.limit.d, Err: err}
}

// Rejected reports whether err, or an error that it wraps, says that the work
// was refused and never ran: an open breaker, a full queue, a closed wrapper, or
// any error with a method Rejected() bool that returns true.
func Rejected(err error) bool { return rejection.Is(err) }

// RetryAfter returns when err, or an error that it wraps, says that asking
// again makes sense, and whether it says so at all.
func RetryAfter(err error) (time.Duration, bool) { return rejection.After(err) }
