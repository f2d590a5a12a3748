package httpguard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/retry"
)

// sending is one request on its way, of which a wrapper may make several
// exchanges, also at once.
type sending struct {
	t          *RoundTripper
	req        *http.Request
	replayable bool

	mu     sync.Mutex
	sent   bool           // an exchange has begun, with the body of req
	over   bool           // nobody takes a response any more
	failed *http.Response // of the last exchange, if it was a failure; not closed
}

// send makes one exchange. A response that is a failure becomes a *StatusError,
// and is kept in case that it is the last.
func (s *sending) send(ctx context.Context) (*http.Response, error) {
	body, again, err := s.body()
	if err != nil {
		return nil, retry.Permanent(err)
	}
	drain(s.take()) // there will be a newer one
	x := newExtent(ctx, s.req.Context())
	returned := false
	defer func() {
		if !returned { // a panic or a Goexit is passing
			x.end()
			if body != nil {
				_ = body.Close()
			}
		}
	}()
	resp, err := s.exchange(ctx, x, body, again)
	returned = true
	return resp, err
}

// exchange makes one exchange within x.
func (s *sending) exchange(ctx context.Context, x *extent, body io.ReadCloser, again bool) (*http.Response, error) {
	r := s.req.WithContext(x)
	r.Header = s.req.Header.Clone() // many a base sets one, and another exchange may run
	r.Body = body
	resp, err := s.roundTrip(r)
	if err != nil {
		err = x.explain(err)
		x.end()
		return nil, s.final(err, again)
	}
	failed := resp.StatusCode != http.StatusSwitchingProtocols && s.isFailure(resp)
	if failed && resp.ContentLength >= 0 && resp.ContentLength <= drainLimit {
		resp.Body = shorten(resp.Body) // while x follows ctx, which may end it
	}
	if !x.detach() { // ctx ended as the response came
		err = x.explain(ctxerr.Of(ctx))
		x.end()
		closeBody(resp)
		return nil, s.final(err, again)
	}
	resp.Request = s.req
	resp.Body = x.until(resp.Body)
	if !failed {
		return resp, nil
	}
	failure := &StatusError{StatusCode: resp.StatusCode, Wait: retryAfter(resp.Header)}
	s.keep(resp)
	return nil, s.final(failure, again)
}

// roundTrip asks the base, which is somebody else's and may return both or
// neither of a response and an error.
func (s *sending) roundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.t.base.RoundTrip(r)
	switch {
	case err != nil:
		closeBody(resp)
		return nil, err
	case resp == nil:
		return nil, fmt.Errorf("httpguard: the base transport (%T) returned neither a response nor an error", s.t.base)
	}
	return resp, nil
}

// isFailure asks the option Failure.
func (s *sending) isFailure(resp *http.Response) bool {
	asked := false
	defer func() {
		if !asked { // a panic or a Goexit is passing
			closeBody(resp)
		}
	}()
	failed := s.t.cfg.failure(resp)
	asked = true
	return failed
}

// final marks err as one after which the request must not be sent again, or in
// vain, if it is so.
func (s *sending) final(err error, again bool) error {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case !s.replayable, untrusted:
		return retry.Permanent(err)
	case !again:
		return retry.Permanent(fmt.Errorf("%w: %w", err, ErrCannotReplay))
	}
	return err
}

// body returns the body to send now, and whether there could be another
// exchange.
func (s *sending) body() (body io.ReadCloser, again bool, err error) {
	s.mu.Lock()
	first, over := !s.sent, s.over
	s.sent = true
	s.mu.Unlock()
	none := s.req.Body == nil || s.req.Body == http.NoBody
	again = none || s.req.GetBody != nil
	switch {
	case over:
		return nil, false, errOver
	case first:
		return s.req.Body, again, nil
	case !s.replayable: // a layer that makes several exchanges at once
		return nil, false, ErrNotIdempotent
	case none:
		return s.req.Body, true, nil
	case !again:
		return nil, false, ErrCannotReplay
	}
	body, err = s.req.GetBody()
	return body, true, err
}

// keep takes a response that was a failure, in place of an earlier one.
func (s *sending) keep(resp *http.Response) {
	s.mu.Lock()
	old := s.failed
	s.failed = resp
	if s.over {
		old, s.failed = resp, nil
	}
	s.mu.Unlock()
	drain(old)
}

// take returns the response that was kept, if there is one.
func (s *sending) take() *http.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := s.failed
	s.failed = nil
	return resp
}

// end closes the body of the request if it was not sent.
func (s *sending) end() {
	s.mu.Lock()
	unsent := !s.sent
	s.sent, s.over = true, true
	s.mu.Unlock()
	if unsent && s.req.Body != nil {
		_ = s.req.Body.Close()
	}
}
