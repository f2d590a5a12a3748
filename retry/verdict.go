package retry

import (
	"errors"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/rejection"
)

// A call may end with an error that says "refused before the work ran" only if
// that holds for every attempt: who is told so will not look for what the work
// has done. So a rejection is returned as it is unless the work ran earlier.

// last returns the error of the last attempt so far, err included, that was not
// refused, or nil.
func (c *Call) last(err error) error {
	switch {
	case !rejection.Is(err):
		return err
	case c.now != nil:
		return c.now.lastErr
	}
	return nil
}

// final is the error of a call whose last error must not be retried.
func (c *Call) final(err error) error {
	if ran := c.last(err); rejection.Is(err) && ran != nil {
		return &ExhaustedError{Attempts: c.number(), Last: ran, Cause: err}
	}
	return err
}

// exhausted is the error of a call that the policy ended, for the reason cause.
func (c *Call) exhausted(err, cause error) error {
	if rejection.Is(err) {
		return c.final(err)
	}
	return &ExhaustedError{Attempts: c.number(), Last: err, Cause: cause}
}

// interrupted is the error of a call whose context ended. Where the last
// attempt failed of that, the error of the one before tells more.
func (c *Call) interrupted(err error) error {
	last := c.last(err)
	if errors.Is(err, c.ctx.Err()) {
		if c.now == nil || c.now.lastErr == nil {
			return err
		}
		last = c.now.lastErr
	}
	if last == nil {
		last = err
	}
	return &ExhaustedError{Attempts: c.number(), Last: last, Cause: ctxerr.Of(c.ctx)}
}
