package httpguard

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// Outcome says what the error of a request means for a semaphore that finds its
// limit. It is for semaphore.Outcomes, which knows nothing of HTTP: statuses 429,
// 503 and 504 and timeouts are Dropped, since they say that there is too much to do.
// Other failures are Ignored: a server that is broken may be very fast.
func Outcome(err error) semaphore.Outcome {
	if err == nil {
		return semaphore.Success
	}
	if wrapper.Rejected(err) {
		return semaphore.Ignored
	}
	if failed, ok := errors.AsType[*StatusError](err); ok {
		switch failed.StatusCode {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return semaphore.Dropped
		}
		return semaphore.Ignored
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return semaphore.Dropped
	}
	return semaphore.Ignored
}
