package httpguard

import (
	"context"
	"errors"
	"net/http"

	"github.com/weirkit/weir/wrapper"
)

// RoundTripper sends requests through a wrapper. Make it with [Transport] or
// [PerHost]. It is safe for concurrent use.
type RoundTripper struct {
	run  func(ctx context.Context, host string, fn exchange) (*http.Response, error)
	base http.RoundTripper
	cfg  transportConfig
}

// exchange sends one request and receives its response.
type exchange func(context.Context) (*http.Response, error)

// Transport returns a RoundTripper that sends every request through w and base,
// which is http.DefaultTransport if it is nil. It works under an http.Client, of
// which it keeps all features; each hop of a redirect is one operation of w.
//
// A timeout of w bounds the response's body too, until that is closed. It does not
// bound an upgraded connection (101), which is its caller's. The host of
// a request, as PerHost has it, is its key for layers of wrapper.PerKey, unless its
// context has one already.
func Transport(w *wrapper.Wrapper, base http.RoundTripper, opts ...TransportOption) *RoundTripper {
	if w == nil {
		panic("httpguard: Transport needs a wrapper, got nil")
	}
	return newRoundTripper(base, opts, func(ctx context.Context, _ string, fn exchange) (*http.Response, error) {
		return wrapper.Do(ctx, w, fn, wrapper.Discard(drain))
	})
}

// PerHost is [Transport] with a wrapper for each host: that of the URL in lower
// case, with the port unless it is the one of the scheme, as "api.example" or
// "api.example:8080". A name that is not ASCII stays as it is.
func PerHost(k *wrapper.Keyed[string], base http.RoundTripper, opts ...TransportOption) *RoundTripper {
	if k == nil {
		panic("httpguard: PerHost needs a wrapper.Keyed, got nil")
	}
	return newRoundTripper(base, opts, func(ctx context.Context, host string, fn exchange) (*http.Response, error) {
		return wrapper.DoKeyed(ctx, k, host, fn, wrapper.Discard(drain))
	})
}

func newRoundTripper(base http.RoundTripper, opts []TransportOption,
	run func(context.Context, string, exchange) (*http.Response, error)) *RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &RoundTripper{run: run, base: base, cfg: newTransportConfig(opts)}
}

// RoundTrip sends req, as often as the wrapper says, and returns the last
// response, whatever its status. Only if there is none is there an error. It
// closes the body of req in every case.
func (t *RoundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, host := req.Context(), hostOf(req.URL)
	if o, _ := wrapper.OverrideOf(ctx); o.Key == nil {
		ctx = wrapper.WithOverride(ctx, wrapper.Override{Key: host})
	}
	s := &sending{t: t, req: req}
	returned := false
	defer func() {
		s.end()
		if !returned { // a panic or a Goexit is passing
			drain(s.take())
		}
	}()
	s.replayable = t.cfg.replayable(req)
	resp, err := t.run(ctx, host, s.send)
	returned = true
	failed := s.take()
	if err == nil {
		drain(failed)
		return resp, nil
	}
	if failed == nil || req.Context().Err() != nil || errors.Is(err, wrapper.ErrTimeout) {
		drain(failed)
		return nil, err
	}
	return failed, nil
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (t *RoundTripper) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
