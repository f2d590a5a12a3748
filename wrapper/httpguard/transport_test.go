package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// service is a real server, over HTTP/1.1 or HTTP/2, with a transport of its own.
type service struct {
	*httptest.Server

	base *http.Transport
}

func serve(t *testing.T, http2 bool, h http.HandlerFunc) *service {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	if http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	base := s.Client().Transport.(*http.Transport)
	t.Cleanup(func() {
		base.CloseIdleConnections()
		s.Close()
	})
	return &service{s, base}
}

func (s *service) client(layers ...wrapper.Layer) *http.Client {
	return &http.Client{Transport: httpguard.Transport(wrapper.Compose(layers...), s.base)}
}

func retries(n int) *retry.Policy {
	return retry.New(retry.MaxRetries(n), retry.Backoff(retry.Constant(time.Millisecond)))
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	return string(data)
}

// both runs f over HTTP/1.1 and HTTP/2.
func both(t *testing.T, f func(t *testing.T, http2 bool)) {
	t.Helper()
	t.Run("HTTP/1.1", func(t *testing.T) { f(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { f(t, true) })
}

func TestARequestIsSentAgainUntilItSucceeds(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var calls atomic.Int64
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if calls.Add(1) < 3 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintf(w, "%s %s over %d", r.Method, body, r.ProtoMajor)
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL, strings.NewReader("the body"))
		require.NoError(t, err)
		resp, err := s.client(wrapper.Timeout(time.Minute), retries(3), semaphore.New(1)).Do(req)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, fmt.Sprintf("PUT the body over %d", map[bool]int{false: 1, true: 2}[http2]), read(t, resp), "the body is replayed")
		assert.EqualValues(t, 3, calls.Load())
	})
}

func TestTheLastResponseIsReturnedWhateverItsStatus(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		for _, size := range []int{0, 10, 1 << 20} {
			var calls atomic.Int64
			s := serve(t, http2, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprint(w, calls.Add(1), strings.Repeat("x", size))
			})
			resp, err := s.client(retries(2)).Get(s.URL)
			require.NoError(t, err)
			assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
			assert.Equal(t, "3"+strings.Repeat("x", size), read(t, resp))
		}
	})
}

func TestARequestThatIsNotIdempotentIsSentOnce(t *testing.T) {
	tests := []struct {
		method string
		header string
		want   int64
	}{
		{http.MethodGet, "", 3}, {http.MethodHead, "", 3}, {http.MethodPut, "", 3}, {http.MethodDelete, "", 3}, {http.MethodOptions, "", 3},
		{http.MethodPost, "", 1}, {http.MethodPatch, "", 1},
		{http.MethodPost, "Idempotency-Key", 3}, {http.MethodPatch, "X-Idempotency-Key", 3},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.header, func(t *testing.T) {
			var calls atomic.Int64
			s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(http.StatusBadGateway)
			})
			for _, layer := range []wrapper.Layer{retries(2), wrapper.Compose(wrapper.Hedge(time.Hour), retries(2))} {
				calls.Store(0)
				req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL, nil)
				require.NoError(t, err)
				if tt.header != "" {
					req.Header.Set(tt.header, "1")
				}
				resp, err := s.client(layer).Do(req)
				require.NoError(t, err)
				assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
				assert.NoError(t, resp.Body.Close())
				assert.Equal(t, tt.want, calls.Load())
			}
		})
	}
}

func TestReplayableSaysOtherwise(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	c := &http.Client{Transport: httpguard.Transport(wrapper.Compose(retries(2)), s.base,
		httpguard.Replayable(func(*http.Request) bool { return true }))}
	resp, err := c.Post(s.URL, "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.EqualValues(t, 3, calls.Load())
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	begin := time.Now()
	resp, err := s.client(retries(1)).Get(s.URL)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.NoError(t, resp.Body.Close())
	assert.GreaterOrEqual(t, time.Since(begin), time.Second)
}

func TestFailuresOpenTheBreakerAndOtherStatusesDoNot(t *testing.T) {
	tests := []struct {
		status int
		want   breaker.State
	}{{200, breaker.Closed}, {404, breaker.Closed}, {429, breaker.Open}, {500, breaker.Open}, {503, breaker.Open}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) })
			b := breaker.New(breaker.ConsecutiveFailures(2))
			c := s.client(b)
			for range 2 {
				resp, err := c.Get(s.URL)
				require.NoError(t, err)
				assert.NoError(t, resp.Body.Close())
				assert.Equal(t, tt.status, resp.StatusCode)
			}
			assert.Equal(t, tt.want, b.State())
		})
	}
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	b := breaker.New(breaker.ConsecutiveFailures(1))
	c := &http.Client{Transport: httpguard.Transport(wrapper.Compose(b), s.base,
		httpguard.Failure(func(r *http.Response) bool { return r.StatusCode == http.StatusNotFound }))}
	resp, err := c.Get(s.URL)
	require.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Equal(t, breaker.Open, b.State())
	_, err = c.Get(s.URL)
	assert.ErrorIs(t, err, breaker.ErrOpen)
}

func TestATimeoutBeforeTheHeaderIsOurs(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		hang := make(chan struct{})
		s := serve(t, http2, func(http.ResponseWriter, *http.Request) { <-hang })
		defer close(hang)
		_, err := s.client(wrapper.Timeout(50 * time.Millisecond)).Get(s.URL)
		assert.ErrorIs(t, err, wrapper.ErrTimeout)
		var timeout *url.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		_, err = s.client(wrapper.Timeout(time.Minute)).Do(req)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, wrapper.ErrTimeout, "it was the caller's")
	})
}

func TestAHedgedRequestTakesTheFasterResponseAndClosesTheOther(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		if n == 1 {
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, n)
	})
	c := s.client(wrapper.Hedge(20 * time.Millisecond))
	resp, err := c.Get(s.URL)
	require.NoError(t, err)
	assert.Equal(t, "2", read(t, resp))

	calls.Store(0)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, nil)
	require.NoError(t, err)
	_, err = c.Do(req)
	assert.Error(t, err)
	assert.EqualValues(t, 1, calls.Load(), "what is not idempotent is not hedged")
}

func TestPerHostHasAWrapperForEachHost(t *testing.T) {
	bad := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	good := serve(t, false, func(http.ResponseWriter, *http.Request) {})
	k := wrapper.NewKeyed(func(string) []wrapper.Layer {
		return []wrapper.Layer{breaker.New(breaker.ConsecutiveFailures(1))}
	})
	perHost := httpguard.PerHost(k, bad.base)
	perKey := httpguard.Transport(wrapper.Compose(wrapper.PerKey(breaker.NewKeyed[string](breaker.ConsecutiveFailures(1)))), bad.base)
	for _, tr := range []http.RoundTripper{perHost, perKey} {
		c := &http.Client{Transport: tr}
		resp, err := c.Get(bad.URL)
		require.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
		_, err = c.Get(bad.URL)
		assert.ErrorIs(t, err, breaker.ErrOpen)
		resp, err = c.Get(good.URL)
		require.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
	}
	assert.Equal(t, 2, k.Len())
}

func TestRedirectsAndConcurrentRequestsWork(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var running, most atomic.Int64
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/old" {
				http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
				return
			}
			n := running.Add(1)
			defer running.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			_, _ = io.Copy(w, r.Body)
		})
		c := s.client(wrapper.Timeout(time.Minute), retries(1), semaphore.New(3))
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				body := fmt.Sprint("body ", i)
				resp, err := c.Post(s.URL+"/old", "text/plain", strings.NewReader(body))
				if assert.NoError(t, err) {
					assert.Equal(t, body, read(t, resp))
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, most.Load(), int64(3))
	})
}

// roundTrip is a base of somebody else.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheRequestIsNotChanged(t *testing.T) {
	body := strings.NewReader("x")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://host.example/", body)
	require.NoError(t, err)
	ctx, given := req.Context(), req.Body
	attempts := 0
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		attempts++
		assert.NotSame(t, req, r)
		assert.Equal(t, attempts, wrapper.Attempt(r.Context()))
		data, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "x", string(data))
		return nil, errors.New("connection reset")
	})
	_, err = httpguard.Transport(wrapper.Compose(retries(2)), base).RoundTrip(req)
	assert.ErrorContains(t, err, "connection reset")
	assert.Equal(t, 3, attempts)
	assert.Equal(t, ctx, req.Context())
	assert.Equal(t, given, req.Body)
}

func TestTransportPanicsOnBadInput(t *testing.T) {
	assert.PanicsWithValue(t, "httpguard: Transport needs a wrapper, got nil", func() { httpguard.Transport(nil, nil) })
	assert.PanicsWithValue(t, "httpguard: PerHost needs a wrapper.Keyed, got nil", func() { httpguard.PerHost(nil, nil) })
	assert.PanicsWithValue(t, "httpguard: Replayable needs a function, got nil", func() { httpguard.Replayable(nil) })
	assert.PanicsWithValue(t, "httpguard: Failure needs a function, got nil", func() { httpguard.Failure(nil) })
}

func TestAPanicOfTheBaseLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen context.Context
		c := httpguard.Transport(wrapper.Compose(), roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = r.Context()
			panic("a bug")
		}))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x.test", nil)
		require.NoError(t, err)
		assert.PanicsWithValue(t, "a bug", func() { _, _ = c.RoundTrip(req) })
		assert.Error(t, seen.Err(), "the context of the exchange goes on")
	})
}
