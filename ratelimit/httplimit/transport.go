package httplimit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// Limiter is what a Transport waits for and tells: a *ratelimit.Limiter or a
// *ratelimit.Adaptive. One that has Success() and Throttled(time.Duration), as the
// latter does, is told how each request went.
type Limiter interface {
	Wait(ctx context.Context) error
	Observe(remaining int, reset time.Duration)
}

// learner is what has an idea of its own.
type learner interface {
	Success()
	Throttled(retryAfter time.Duration)
}

// Transport is an http.RoundTripper that waits for a limiter before each request
// and follows what the server says of its own limit. Make it with [NewTransport],
// one for each server, as limits are. It is safe for concurrent use.
//
// An answer of 429 or 503 stops all requests for as long as its Retry-After says.
// Fields such as RateLimit take tokens away where the server has fewer left than the
// limiter; where there are both, Retry-After counts. Neither is believed for longer than
// [MaxPause]. What was learned takes tokens away once, so that the limiter's own rate
// fills the bucket again: one wrong answer leaves nothing behind. A limiter that is
// ratelimit.Unlimited has no tokens and cannot be stopped; one that follows the server
// alone has a rate above all that the server bears, such as a million a second.
//
// The answer of a wait that fails is the error of the limiter, such as
// ratelimit.ErrWouldExceedDeadline: nothing was sent.
type Transport struct {
	base    http.RoundTripper
	limiter Limiter
	pause   time.Duration
	clock   mono.Clock
}

// TransportOption changes how a Transport works.
type TransportOption interface{ applyTransport(*Transport) }

type transportFunc func(*Transport)

func (f transportFunc) applyTransport(t *Transport) { f(t) }

// MaxPause bounds how long a server can stop the requests, so that a wrong answer
// does not for ever; by default 5 minutes.
func MaxPause(d time.Duration) TransportOption {
	if d <= 0 {
		panic(fmt.Sprintf("httplimit: MaxPause must be positive, got %v", d))
	}
	return transportFunc(func(t *Transport) { t.pause = d })
}

// NewTransport returns a Transport over base; nil is http.DefaultTransport. It
// panics if the limiter is nil.
func NewTransport(base http.RoundTripper, l Limiter, opts ...TransportOption) *Transport {
	if l == nil {
		panic("httplimit: NewTransport needs a limiter, got nil")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	t := &Transport{base: base, limiter: l, pause: 5 * time.Minute, clock: mono.New()}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("httplimit: the options of NewTransport must not be nil, number %d is", i))
		}
		o.applyTransport(t)
	}
	return t
}

// RoundTrip waits for a token and sends the request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.limiter.Wait(r.Context()); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper must, and there is nobody to tell
		}
		return nil, err
	}
	res, err := t.base.RoundTrip(r)
	if err == nil && res != nil {
		t.learn(res)
	}
	return res, err
}

// CloseIdleConnections closes those of the transport below, as that of an http.Client
// does.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) learn(res *http.Response) {
	rep := read(res.Header, t.clock.Time(t.clock.Now()))
	retry, reset := min(rep.retry, t.pause), min(rep.reset, t.pause)
	l, learns := t.limiter.(learner)
	refused := res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable
	switch {
	case refused && learns:
		l.Throttled(retry)
	case refused && retry > 0:
		t.limiter.Observe(0, retry)
	case learns && res.StatusCode < http.StatusInternalServerError:
		l.Success()
	}
	if rep.known && (!refused || retry == 0) { // Retry-After goes before
		t.limiter.Observe(rep.remaining, reset)
	}
}
