package retry

import (
	"errors"
	"time"
)

// Permanent marks err as one that no further attempt can mend: the call ends
// and returns it. The mark stays, so that a policy around this one stops too.
// errors.Is and errors.As see through it. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

func isPermanent(err error) bool {
	_, ok := errors.AsType[*permanentError](err)
	return ok
}

// After makes err ask that the next attempt begin after d, as a server does
// that sends Retry-After. It then replaces the delay of [Backoff], and up to a
// tenth of jitter is added. A d of 0 or less asks for nothing. errors.Is and
// errors.As see through it. After(nil, d) is nil.
//
// d is cut, not obeyed, where it is longer than [MaxDelay], or without that than
// 30 seconds and than the longest delay of the backoff: after After(err,
// time.Hour) the next attempt begins in about half a minute. Where a server that
// says an hour means it, end the call instead: with [If], as the example does,
// with [Permanent], or with a deadline on the context, which no longer pause is
// begun for.
func After(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &afterError{err, d}
}

type afterError struct {
	err error
	d   time.Duration
}

func (e *afterError) Error() string             { return e.err.Error() }
func (e *afterError) Unwrap() error             { return e.err }
func (e *afterError) RetryAfter() time.Duration { return e.d }
