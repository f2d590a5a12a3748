package httpguard

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/wrapper"
)

// Handler returns a handler that runs next inside w. A request that a layer
// refuses is answered by [Refuse], and next does not run. For the layers a
// response with a status from 500 on is a failure. next runs at most once: retry
// policies and hedges of w have no effect.
//
// The context of the request that next gets is that of w: it ends with w's
// timeouts, and next has to look at it, for nothing can take back what it has
// written. If next returns without having written anything when that has ended,
// and the client is still there, the answer is 503 and for the layers a failure.
// next may flush, hijack the connection and use an
// http.ResponseController as without the guard. The permit of a hijacked or
// upgraded connection is held until next returns.
//
// A panic of next is a failure for a breaker, but http.ErrAbortHandler after the
// client has hung up. Where a wrapper.Recover caught a panic, the answer is 500
// if nothing was written yet, and else the connection is cut, so that no client
// takes half a response for a whole one.
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
	s := &serving{next: h.next, req: r, rec: newRecorder(w), keyed: o.Key != nil}
	err := h.wrapper.Do(wrapper.WithOverride(r.Context(), o), s.run)
	if err != nil || s.aborted {
		h.fail(w, s, err)
	}
}

// fail answers a request that failed, if it still can be answered.
func (h *handler) fail(w http.ResponseWriter, s *serving, err error) {
	switch {
	case s.aborted, errors.Is(err, http.ErrAbortHandler):
		panic(http.ErrAbortHandler)
	case !s.ran.Load():
		h.cfg.refused(w, s.req, err)
	case s.rec.status != 0 && !s.returned:
		// A panic that wrapper.Recover caught. If this returned, the server would
		// end the response as if it were whole.
		panic(http.ErrAbortHandler)
	case s.rec.written():
	case s.unanswered:
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	default: // a panic that wrapper.Recover caught, or a layer that made an error of a success
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// serving is one request on its way through a handler.
type serving struct {
	next http.Handler
	req  *http.Request
	rec  *recorder

	keyed      bool // by the option Key
	ran        atomic.Bool
	returned   bool
	aborted    bool // by http.ErrAbortHandler, after the client had hung up
	unanswered bool // next returned without a word because its context had ended
}

// run runs the handler. Its errors are permanent: a retry that Override.NoRetry
// does not reach, behind a key or of somebody else, must not wait for more.
func (s *serving) run(ctx context.Context) (err error) {
	if !s.ran.CompareAndSwap(false, true) {
		return retry.Permanent(errRanTwice)
	}
	defer func() {
		if !s.returned && s.req.Context().Err() != nil {
			err = s.hungUp(recover())
		}
	}()
	if s.keyed {
		ctx = unkeyed(ctx, s.req.Context())
	}
	inner := s.req.WithContext(ctx)
	defer s.giveBack(inner) // after a panic, too
	s.next.ServeHTTP(s.rec.writer(), inner)
	s.returned = true
	switch {
	case isFailure(s.rec.status):
		return retry.Permanent(&StatusError{StatusCode: s.rec.status})
	case !s.rec.written() && ctx.Err() != nil && s.req.Context().Err() == nil:
		s.unanswered = true
		return retry.Permanent(ctxerr.Of(ctx))
	}
	return nil
}

// giveBack tells the request that is known outside what the copy with the context
// has learned: the server removes the files of its form, and loggers name its
// pattern.
func (s *serving) giveBack(inner *http.Request) {
	s.req.MultipartForm, s.req.Pattern = inner.MultipartForm, inner.Pattern
}

// unkeyed returns ctx with the key that before has, or none.
func unkeyed(ctx, before context.Context) context.Context {
	old, _ := wrapper.OverrideOf(before)
	if old.Key == nil {
		old.Key = wrapper.NoKey{}
	}
	return wrapper.WithOverride(ctx, wrapper.Override{Key: old.Key})
}

// hungUp makes an error of http.ErrAbortHandler, which a proxy panics with when
// its client hangs up: clients must not be able to open a breaker by that. The
// server prints no stack of it, so that none is lost. Any other panic goes on.
func (s *serving) hungUp(panicked any) error {
	if panicked == http.ErrAbortHandler { //nolint:errorlint // as the server compares it
		s.aborted = true
		return retry.Permanent(ctxerr.Of(s.req.Context()))
	}
	if panicked != nil {
		panic(panicked)
	}
	return nil // a Goexit is passing
}

// errRanTwice is the error of a second run that a layer makes of a handler.
var errRanTwice = errors.New("httpguard: a handler cannot run twice")

// Refuse answers a request that a layer refused with err: with 429 if that was a
// rate limiter, and with 503 otherwise. Retry-After says what err knows, in whole
// seconds rounded up, and 1 where it knows nothing.
//
// A request whose context ended while it waited is answered with 503, too. It may
// be the server that is about to end, and the client be there and ask another; if
// it is the client who has gone, nobody reads the answer. The option [Refused] can
// tell them apart where the server's context has a cause.
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
	return errors.Is(err, ratelimit.ErrWouldExceedDeadline) || errors.Is(err, ratelimit.ErrWouldExceedMaxWait) ||
		errors.Is(err, ratelimit.ErrQueueFull) || errors.Is(err, ratelimit.ErrExceedsBurst)
}
