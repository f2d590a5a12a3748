package httpguard

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/wrapper"
)

// Handler returns a handler that runs next inside w. A request that a layer
// refuses is answered by [Refuse], and next does not run. For the layers a
// response with a status from 500 on is a failure. next runs at most once: retry
// policies and hedges of w have no effect.
//
// The context of the request that next gets is that of w: it ends with w's
// timeouts, and next has to look at it, for nothing can take back what it has
// written. next may flush, hijack the connection and use an
// http.ResponseController as without the guard. The permit of a hijacked or
// upgraded connection is held until next returns.
func Handler(w *wrapper.Wrapper, next http.Handler, opts ...HandlerOption) http.Handler {
	if w == nil {
		panic("httpguard: Handler needs a wrapper, got nil")
	}
	if next == nil {
		panic("httpguard: Handler needs a handler to run, got nil")
	}
	return &handler{w, next, newHandlerConfig(opts)}
}

type handler struct {
	wrapper *wrapper.Wrapper
	next    http.Handler
	cfg     handlerConfig
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := wrapper.Override{NoRetry: true}
	if h.cfg.priority != nil {
		o.Priority = h.cfg.priority(r)
	}
	if h.cfg.key != nil {
		o.Key = h.cfg.key(r)
	}
	rec := newRecorder(w)
	var ran atomic.Bool
	err := h.wrapper.Do(wrapper.WithOverride(r.Context(), o), func(ctx context.Context) error {
		if !ran.CompareAndSwap(false, true) {
			return errRanTwice
		}
		h.next.ServeHTTP(rec.writer(), r.WithContext(ctx))
		if isFailure(rec.status) {
			return &StatusError{StatusCode: rec.status}
		}
		return nil
	})
	switch {
	case err == nil || rec.written():
	case ran.Load(): // a panic that wrapper.Recover caught, or a layer that made an error of a success
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	default:
		h.cfg.refused(w, r, err)
	}
}

// errRanTwice is the error of a second run that a layer makes of a handler.
var errRanTwice = errors.New("httpguard: a handler cannot run twice")

// Refuse answers a request that a layer refused with err: with 429 if that was a
// rate limiter, and with 503 otherwise. Retry-After says what err knows, in whole
// seconds rounded up, and 1 where it knows nothing.
func Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusServiceUnavailable
	if limited(err) {
		status = http.StatusTooManyRequests
	}
	after, _ := wrapper.RetryAfter(err)
	w.Header().Set("Retry-After", retryAfterSeconds(after))
	http.Error(w, http.StatusText(status), status)
}

// limited reports whether a rate limiter refused.
func limited(err error) bool {
	return errors.Is(err, ratelimit.ErrWouldExceedDeadline) || errors.Is(err, ratelimit.ErrQueueFull) ||
		errors.Is(err, ratelimit.ErrExceedsBurst)
}
