package httpguard_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// once is a body that cannot be had again, and knows whether it was closed.
type once struct {
	io.Reader

	closed atomic.Bool
}

func (o *once) Close() error { o.closed.Store(true); return nil }

func TestABodyThatCannotBeReplayedIsRefusedClearly(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		panic(http.ErrAbortHandler)
	})
	send := func() (*once, *http.Response, error) {
		body := &once{Reader: strings.NewReader("x")}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL, body)
		require.NoError(t, err)
		resp, err := s.client(retries(3)).Do(req)
		return body, resp, err
	}
	body, resp, err := send()
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "the response that there is")
	assert.NoError(t, resp.Body.Close())
	assert.True(t, body.closed.Load())
	assert.EqualValues(t, 1, calls.Load())

	body, _, err = send()
	assert.ErrorIs(t, err, httpguard.ErrCannotReplay)
	assert.True(t, body.closed.Load())
	assert.EqualValues(t, 2, calls.Load())
}

func TestTheBodyOfARefusedRequestIsClosed(t *testing.T) {
	w := wrapper.Compose()
	require.NoError(t, w.Close())
	body := &once{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/", body)
	require.NoError(t, err)
	_, err = httpguard.Transport(w, nil).RoundTrip(req)
	assert.ErrorIs(t, err, wrapper.ErrClosed)
	assert.True(t, body.closed.Load())
}

func TestATimeoutDoesNotEndTheBodyWhenTheCallReturnsButWhenItHasPassed(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		hang := make(chan struct{})
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "first ")
			w.(http.Flusher).Flush()
			if r.URL.Path == "/hang" {
				<-hang
				return
			}
			fmt.Fprint(w, "second")
		})
		defer close(hang)
		sem := semaphore.New(1)
		c := s.client(wrapper.Timeout(time.Minute), retries(1), sem, wrapper.AttemptTimeout(200*time.Millisecond))
		resp, err := c.Get(s.URL)
		require.NoError(t, err)
		assert.Zero(t, sem.Held(), "the call has returned")
		assert.Equal(t, "first second", read(t, resp))

		resp, err = c.Get(s.URL + "/hang")
		require.NoError(t, err)
		data, err := io.ReadAll(resp.Body)
		assert.Equal(t, "first ", string(data))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NoError(t, resp.Body.Close())
	})
}

func TestTheCallersCancelEndsTheBody(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		hang := make(chan struct{})
		s := serve(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-hang
		})
		defer close(hang)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := s.client(wrapper.Timeout(time.Minute)).Do(req)
		require.NoError(t, err)
		cancel()
		_, err = io.ReadAll(resp.Body)
		assert.ErrorIs(t, err, context.Canceled)
		assert.NoError(t, resp.Body.Close())
	})
}

func TestDiscardedResponsesAreDrainedAndClosed(t *testing.T) {
	var conns, calls atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%5 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, strings.Repeat("x", 1000))
		}
	})
	s.base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conns.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	c := s.client(retries(4))
	for range 10 {
		resp, err := c.Get(s.URL)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.NoError(t, resp.Body.Close())
	}
	assert.EqualValues(t, 50, calls.Load())
	assert.EqualValues(t, 1, conns.Load(), "every connection was used again")
}

func TestTheContextOfAnExchangeEndsWithTheBody(t *testing.T) {
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") })
	tests := []struct {
		name string
		end  func(*http.Response)
	}{
		{"closed unread", func(r *http.Response) { assert.NoError(t, r.Body.Close()) }},
		{"read to its end", func(r *http.Response) { _, _ = io.ReadAll(r.Body) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ctx context.Context
			base := roundTrip(func(r *http.Request) (*http.Response, error) {
				ctx = r.Context()
				return s.base.RoundTrip(r)
			})
			resp, err := (&http.Client{Transport: httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Hour)), base)}).Get(s.URL)
			require.NoError(t, err)
			assert.NoError(t, ctx.Err())
			tt.end(resp)
			assert.Error(t, ctx.Err())
			assert.NoError(t, resp.Body.Close())
		})
	}
}

// stalling is a body that gives a little and then nothing until it is closed or
// its request ends.
func stalling(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	fmt.Fprint(w, "a little")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func TestAFailureThatIsTriedAgainIsNotReadForever(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var calls atomic.Int64
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				stalling(w, r, http.StatusBadGateway)
				return
			}
			fmt.Fprint(w, "whole")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := s.client(retries(1)).Do(req)
		require.NoError(t, err)
		assert.Equal(t, "whole", read(t, resp))
	})
}

func TestAFailureIsReturnedBeforeItsBodyEnds(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) { stalling(w, r, http.StatusBadGateway) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := s.client().Do(req)
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
		head := make([]byte, 8)
		_, err = io.ReadFull(resp.Body, head)
		assert.NoError(t, err)
		assert.Equal(t, "a little", string(head))
		assert.NoError(t, resp.Body.Close())
	})
}

func TestTheBodyOfTheLoserOfAHedgeIsNotReadForever(t *testing.T) {
	// Both are successes, and the layer waits for both.
	both := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = next(ctx) })
		}
		wg.Wait()
		return nil
	})
	endless := roundTrip(func(r *http.Request) (*http.Response, error) {
		pr, pw := io.Pipe()
		context.AfterFunc(r.Context(), func() { pw.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: http.StatusOK, Body: pr, Header: http.Header{}}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x.test", nil)
		require.NoError(t, err)
		resp, err := httpguard.Transport(wrapper.Compose(both), endless).RoundTrip(req)
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), time.Second)
		assert.NoError(t, resp.Body.Close())
	})
}
