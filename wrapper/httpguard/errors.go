package httpguard

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/weirkit/weir/wrapper"
)

// ErrCannotReplay is matched by the error of a request that would have been sent
// again if its body could be had again: set GetBody, as http.NewRequest does for
// buffers, byte slices and strings.
var ErrCannotReplay = errors.New("httpguard: the body cannot be sent again: the request has no GetBody")

// ErrNotIdempotent is the error of a second run that a layer, such as a hedge,
// makes of a request that must not be sent twice: see [Replayable].
var ErrNotIdempotent = errors.New("httpguard: the request is not idempotent and has been sent already")

// errOver is the error of a run that a layer begins after it has returned.
var errOver = errors.New("httpguard: the round trip has ended")

// timeoutError is an error that a timeout of the wrapper caused. It has the
// method of package net because url.Error asks its own error alone for it.
type timeoutError struct{ err error }

func (e *timeoutError) Error() string   { return wrapper.ErrTimeout.Error() + ": " + e.err.Error() }
func (e *timeoutError) Unwrap() []error { return []error{wrapper.ErrTimeout, e.err} }
func (e *timeoutError) Timeout() bool   { return true }

// StatusError is what the layers see of a response that is a failure. A caller
// of the client sees it only where no response can be returned: as the last
// error beside that of a context that ended.
type StatusError struct {
	// StatusCode is that of the response.
	StatusCode int
	// Wait is what its Retry-After header asks for, 0 if it has none.
	Wait time.Duration
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("httpguard: status %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// RetryAfter returns Wait. A retry policy pauses that long.
func (e *StatusError) RetryAfter() time.Duration { return e.Wait }

// isFailure reports whether a status is a failure of the server.
func isFailure(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}
