// Package rejection is the SDK's one family of errors for work that was
// refused before it ran.
//
// A rejection is any error with the methods Rejected() bool and
// RetryAfter() time.Duration. The packages of the SDK do not know each other's
// rejections; they find them by method, so that a user's own type joins the
// family by having the two methods.
package rejection

import (
	"errors"
	"time"
)

// Error is what every rejection has.
type Error interface {
	error
	// Rejected reports that the work was refused and never ran.
	Rejected() bool
	// RetryAfter is how long to wait before asking again; 0 means unknown.
	RetryAfter() time.Duration
}

type sentinel string

// New returns a sentinel: a rejection without detail, to be matched with
// errors.Is. Two sentinels with the same message are equal.
func New(msg string) error { return sentinel(msg) }

func (s sentinel) Error() string           { return string(s) }
func (sentinel) Rejected() bool            { return true }
func (sentinel) RetryAfter() time.Duration { return 0 }

// Is reports whether err, or an error that it wraps, is a rejection. It asks
// for the Rejected method alone, so that a foreign error without RetryAfter
// counts too.
func Is(err error) bool {
	r, ok := errors.AsType[interface {
		error
		Rejected() bool
	}](err)
	return ok && r.Rejected()
}

// After returns the wait that err, or an error that it wraps, asks for, and
// whether it names one: a RetryAfter of 0 or less is unknown.
func After(err error) (time.Duration, bool) {
	r, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok {
		return 0, false
	}
	d := r.RetryAfter()
	return max(d, 0), d > 0
}
