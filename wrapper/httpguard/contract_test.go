package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// request is one without a network.
func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	return req
}

func TestABaseThatBreaksTheContractOfARoundTripperIsAnError(t *testing.T) {
	failure := errors.New("no route")
	body := &once{Reader: strings.NewReader("x")}
	tests := []struct {
		name string
		base roundTrip
		says string
	}{
		{"neither", func(*http.Request) (*http.Response, error) { return nil, nil },
			"httpguard: the base transport (httpguard_test.roundTrip) returned neither a response nor an error"},
		{"both", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: body}, failure
		}, "no route"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := httpguard.Transport(wrapper.Compose(), tt.base).RoundTrip(request(t, http.MethodPost, "http://x.test", nil))
			assert.Nil(t, resp)
			assert.EqualError(t, err, tt.says)
		})
	}
	assert.True(t, body.closed.Load(), "a body that nobody gets is closed")
}

func TestAPanicOfAFunctionOfTheCallerClosesBothBodies(t *testing.T) {
	tests := []struct {
		name   string
		base   roundTrip
		opt    httpguard.TransportOption
		answer bool
	}{
		{"Replayable", answers(nil), httpguard.Replayable(func(*http.Request) bool { panic("a bug") }), false},
		{"Failure", nil, httpguard.Failure(func(*http.Response) bool { panic("a bug") }), true},
		{"the base", func(*http.Request) (*http.Response, error) { panic("a bug") }, httpguard.Replayable(httpguard.Idempotent), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent, got := &once{Reader: strings.NewReader("x")}, &once{Reader: strings.NewReader("x")}
			base := tt.base
			if base == nil {
				base = answers(got)
			}
			sem := semaphore.New(1)
			tr := httpguard.Transport(wrapper.Compose(sem), base, tt.opt)
			assert.PanicsWithValue(t, "a bug", func() { _, _ = tr.RoundTrip(request(t, http.MethodPut, "http://x.test", sent)) })
			assert.True(t, sent.closed.Load(), "the body of the request")
			assert.Equal(t, tt.answer, got.closed.Load(), "the body of the response")
			assert.Zero(t, sem.Held())
		})
	}
}

// Many a RoundTripper sets a header on the request that it gets, which it must not.
func TestABaseThatChangesHeadersChangesThoseOfItsExchangeAlone(t *testing.T) {
	twice := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = next(ctx) })
		}
		wg.Wait()
		return nil
	})
	for name, layer := range map[string]wrapper.Layer{"one after the other": retries(2), "at once": twice} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			base := roundTrip(func(r *http.Request) (*http.Response, error) {
				r.Header.Add("Authorization", "token")
				assert.Equal(t, []string{"token"}, r.Header.Values("Authorization"))
				assert.Equal(t, "yes", r.Header.Get("Given"))
				status := http.StatusOK
				if calls.Add(1) < 2 {
					status = http.StatusServiceUnavailable
				}
				return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}}, nil
			})
			req := request(t, http.MethodGet, "http://x.test", nil)
			req.Header.Set("Given", "yes")
			resp, err := httpguard.Transport(wrapper.Compose(layer), base).RoundTrip(req)
			require.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
			assert.EqualValues(t, 2, calls.Load())
			assert.Equal(t, http.Header{"Given": {"yes"}}, req.Header)
		})
	}
}

// answers is a base that answers 200 with a body.
func answers(body io.ReadCloser) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return &http.Response{StatusCode: http.StatusOK, Body: body, Header: http.Header{}}, nil
	}
}

func TestARequestWithoutAURLIsTheBasesToRefuse(t *testing.T) {
	body := &once{Reader: strings.NewReader("x")}
	_, err := httpguard.Transport(wrapper.Compose(), nil).RoundTrip((&http.Request{Method: http.MethodPut, Body: body}).WithContext(t.Context()))
	assert.ErrorContains(t, err, "nil Request.URL")
	assert.True(t, body.closed.Load())
}

func TestIdleConnectionsOfTheBaseAreClosed(t *testing.T) {
	closed := 0
	base := struct {
		roundTrip
		closer
	}{answers(http.NoBody), func() { closed++ }}
	(&http.Client{Transport: httpguard.Transport(wrapper.Compose(), base)}).CloseIdleConnections()
	(&http.Client{Transport: httpguard.PerHost(wrapper.NewKeyed(func(string) []wrapper.Layer { return nil }), base)}).CloseIdleConnections()
	assert.Equal(t, 2, closed)
	httpguard.Transport(wrapper.Compose(), answers(nil)).CloseIdleConnections() // one that has none
}

type closer func()

func (f closer) CloseIdleConnections() { f() }

type valueKey struct{}

func TestTheBaseSeesWhatTheContextOfTheRequestHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen *http.Request
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = r
			at, has := r.Context().Deadline()
			assert.True(t, has)
			assert.Equal(t, time.Second, time.Until(at), "the nearer of the caller's and ours")
			return answers(http.NoBody)(r)
		})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), valueKey{}, "trace"), time.Minute)
		defer cancel()
		for _, body := range []io.ReadCloser{nil, http.NoBody} {
			req := request(t, http.MethodPost, "http://x.test", nil).WithContext(ctx)
			req.Body = body
			resp, err := httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Second), retries(1)), base).RoundTrip(req)
			require.NoError(t, err)
			assert.Same(t, req, resp.Request)
			assert.Equal(t, "trace", seen.Context().Value(valueKey{}))
			assert.Equal(t, body, seen.Body, "as it was given")
			assert.Error(t, seen.Context().Err(), "no body, nothing to wait for")
		}
	})
}

func TestABodyThatIsNeverClosedHoldsNothingBeyondTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen context.Context
		pr, pw := io.Pipe()
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = r.Context()
			return answers(pr)(r)
		})
		sem := semaphore.New(1)
		w := wrapper.Compose(wrapper.Timeout(time.Minute), sem)
		_, err := httpguard.Transport(w, base).RoundTrip(request(t, http.MethodGet, "http://x.test", nil)) //nolint:bodyclose // that is the test
		require.NoError(t, err)
		assert.Zero(t, sem.Held())
		assert.NoError(t, w.Shutdown(t.Context()), "the call has ended")
		time.Sleep(time.Minute - time.Nanosecond)
		assert.NoError(t, seen.Err())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.ErrorIs(t, seen.Err(), context.DeadlineExceeded)
		assert.ErrorIs(t, context.Cause(seen), wrapper.ErrTimeout)
		assert.NoError(t, pw.Close())
	})
}

func TestEachHopOfARedirectIsACall(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/c" {
				http.Redirect(w, r, map[string]string{"/a": "/b", "/b": "/c"}[r.URL.Path], http.StatusFound)
			}
		})
		calls := 0
		count := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error { calls++; return next(ctx) })
		tokens := ratelimit.New(ratelimit.Every(time.Hour), 5)
		resp, err := s.client(count, tokens).Get(s.URL + "/a")
		require.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, 3, calls)
		assert.Equal(t, "/c", resp.Request.URL.Path)
		assert.True(t, tokens.AllowN(2), "three of five were spent")
		assert.False(t, tokens.Allow())
	})
}

func TestResponsesWithoutABodyArePassedOnAndTriedAgain(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		tests := []struct {
			method string
			status int
			length int64
			tries  int64
		}{
			{http.MethodHead, http.StatusOK, 1000, 1}, {http.MethodHead, http.StatusServiceUnavailable, 1000, 3},
			{http.MethodGet, http.StatusNoContent, 0, 1}, {http.MethodGet, http.StatusNotModified, 0, 1},
			{http.MethodGet, http.StatusBadGateway, 0, 3},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprint(tt.method, " ", tt.status), func(t *testing.T) {
				var calls atomic.Int64
				s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					if r.Method == http.MethodHead {
						w.Header().Set("Content-Length", "1000")
					}
					w.WriteHeader(tt.status)
				})
				req := request(t, tt.method, s.URL, nil)
				resp, err := s.client(wrapper.Timeout(time.Minute), retries(2), semaphore.New(1)).Do(req)
				require.NoError(t, err)
				assert.Equal(t, tt.status, resp.StatusCode)
				assert.Equal(t, tt.tries, calls.Load())
				assert.Equal(t, tt.length, resp.ContentLength)
				assert.Empty(t, read(t, resp))
			})
		}
	})
}

func TestAFailureIsReturnedWhereTheBodyCannotBeHadAgain(t *testing.T) {
	calls := 0
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		calls++
		_ = r.Body.Close()
		return &http.Response{StatusCode: http.StatusBadGateway, Body: io.NopCloser(strings.NewReader("sorry")), Header: http.Header{}}, nil
	})
	req := request(t, http.MethodPut, "http://x.test", strings.NewReader("x"))
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("the file has gone") }
	resp, err := httpguard.Transport(wrapper.Compose(retries(3)), base).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, "sorry", read(t, resp))
	assert.Equal(t, 1, calls)
}

// The server answers before it has read the body, and reads no more of it.
func TestARequestIsSentAgainWhoseBodyWasNotReadToItsEnd(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		body := strings.Repeat("0123456789", 500_000)
		var calls atomic.Int64
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			n, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			fmt.Fprint(w, n)
		})
		resp, err := s.client(retries(5), wrapper.AttemptTimeout(time.Minute)).Do(request(t, http.MethodPut, s.URL, strings.NewReader(body)))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(len(body)), read(t, resp))
	})
}

func TestAnErrorOfTheClientKeepsWhatTheWrapperSaid(t *testing.T) {
	full := semaphore.New(1, semaphore.MaxWaiters(0))
	require.True(t, full.TryAcquire(1))
	_, err := (&http.Client{Transport: httpguard.Transport(wrapper.Compose(full), answers(nil))}).Get("http://x.test") //nolint:bodyclose // there is none
	var failed *url.Error
	require.ErrorAs(t, err, &failed)
	assert.ErrorIs(t, err, semaphore.ErrQueueFull)
	assert.True(t, wrapper.Rejected(err))
	assert.False(t, failed.Timeout())
}
