package httpguard_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// guarded is a handler behind every kind of layer that a server has.
func guarded(next http.HandlerFunc) http.HandlerFunc {
	w := wrapper.Compose(wrapper.Timeout(time.Minute), breaker.New(), ratelimit.New(ratelimit.PerSecond(1000), 1000), semaphore.New(10))
	return httpguard.Handler(w, next).ServeHTTP
}

// guardedClient is a client with every kind of layer that one has.
func (s *service) guardedClient() *http.Client {
	return s.client(wrapper.Timeout(time.Minute), retries(2), breaker.New(), semaphore.New(10))
}

func TestTrailersPassBothWays(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var got string
		s := serve(t, http2, guarded(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Sum")
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			got = r.Trailer.Get("Checksum")
			_, _ = w.Write(body)
			w.Header().Set("Sum", "42")
			w.Header().Set(http.TrailerPrefix+"Undeclared", "yes")
		}))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL, struct{ io.Reader }{strings.NewReader("streamed")})
		require.NoError(t, err)
		req.Trailer = http.Header{"Checksum": nil}
		req.Body = &atEnd{req.Body, func() { req.Trailer.Set("Checksum", "7") }}
		resp, err := s.guardedClient().Do(req)
		require.NoError(t, err)
		assert.Equal(t, "streamed", read(t, resp))
		assert.Equal(t, "7", got)
		assert.Equal(t, "42", resp.Trailer.Get("Sum"))
		assert.Equal(t, "yes", resp.Trailer.Get("Undeclared"))
	})
}

// atEnd calls f when a body has been read.
type atEnd struct {
	io.ReadCloser

	f func()
}

func (a *atEnd) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == io.EOF {
		a.f()
	}
	return n, err
}

func TestTrailersOfAFailureThatIsReturnedAreThere(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := serve(t, http2, guarded(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Sum")
			w.Header().Set("Content-Length", "4")
			if !http2 {
				w.Header().Del("Content-Length") // HTTP/1.1 has trailers of chunks alone
			}
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "oops")
			w.Header().Set("Sum", "42")
		}))
		resp, err := s.guardedClient().Get(s.URL)
		require.NoError(t, err)
		assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		assert.Equal(t, "oops", read(t, resp))
		assert.Equal(t, "42", resp.Trailer.Get("Sum"))
	})
}

func TestInformationalResponsesPassAndAreNotTheStatus(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var failures atomic.Int64
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.Classify(func(_ context.Context, err error) breaker.Outcome {
			if err != nil {
				failures.Add(1)
			}
			return breaker.Success
		}))
		h := httpguard.Handler(wrapper.Compose(b), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		s := serve(t, http2, h.ServeHTTP)
		var hints []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints = append(hints, code)
			if code == http.StatusEarlyHints {
				assert.Equal(t, "</style.css>; rel=preload", header.Get("Link"))
			}
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, nil)
		require.NoError(t, err)
		resp, err := s.guardedClient().Do(req)
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, []int{103, 102}, hints)
		assert.EqualValues(t, 1, failures.Load(), "the layers see the final status")
	})
}

func TestAClientThatExpectsContinueSendsNoBodyToARefusal(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		full := semaphore.New(1, semaphore.MaxWaiters(0))
		s := serve(t, http2, httpguard.Handler(wrapper.Compose(full), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(w, r.Body)
			assert.NoError(t, err)
		})).ServeHTTP)
		s.base.ExpectContinueTimeout = time.Minute
		send := func() (*http.Response, bool) {
			var sent atomic.Bool
			body := readerFunc(func(p []byte) (int, error) { sent.Store(true); return copy(p, "body"), io.EOF })
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
			require.NoError(t, err)
			req.Header.Set("Expect", "100-continue")
			resp, err := s.guardedClient().Do(req)
			require.NoError(t, err)
			return resp, sent.Load()
		}
		resp, sent := send()
		assert.Equal(t, "body", read(t, resp))
		assert.True(t, sent)

		require.True(t, full.TryAcquire(1))
		resp, sent = send()
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.NoError(t, resp.Body.Close())
		assert.False(t, sent, "it was refused before the body was asked for")
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestATunnelByConnectPasses(t *testing.T) {
	held := semaphore.New(1)
	s := serve(t, false, httpguard.Handler(wrapper.Compose(held), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 200 OK\r\n\r\n")
		assert.NoError(t, rw.Flush())
		_, _ = io.Copy(conn, rw) // an echo
	})).ServeHTTP)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	fmt.Fprint(conn, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	for range 3 {
		fmt.Fprint(conn, "ping\n")
		line, err := r.ReadString('\n')
		assert.NoError(t, err)
		assert.Equal(t, "ping\n", line)
		assert.EqualValues(t, 1, held.Held(), "as long as the tunnel lasts")
	}
	assert.NoError(t, conn.Close())
	assert.Eventually(t, func() bool { return held.Held() == 0 }, 5*time.Second, time.Millisecond)
}

func TestAClientsConnectIsSentOnceAndStreams(t *testing.T) {
	var requests atomic.Int64
	s := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		conn, rw, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\nno route")
		assert.NoError(t, rw.Flush())
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, s.URL, nil)
	require.NoError(t, err)
	req.URL.Opaque = "example.com:443"
	resp, err := httpguard.Transport(wrapper.Compose(retries(3)), s.base).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
	assert.Equal(t, "no route", read(t, resp))
	assert.EqualValues(t, 1, requests.Load(), "a tunnel is not idempotent")
}

func TestARequestStreamsWhileItsResponseDoes(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := serve(t, http2, guarded(func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			if !http2 {
				assert.NoError(t, c.EnableFullDuplex())
			}
			assert.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
			assert.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Minute)))
			assert.NoError(t, c.Flush())
			for lines := bufio.NewScanner(r.Body); lines.Scan(); {
				fmt.Fprintln(w, "got", lines.Text())
				assert.NoError(t, c.Flush())
			}
		}))
		out, in := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, out)
		require.NoError(t, err)
		resp, err := s.guardedClient().Do(req)
		require.NoError(t, err)
		lines := bufio.NewReader(resp.Body)
		for i := range 3 {
			fmt.Fprintln(in, "line", i)
			line, err := lines.ReadString('\n')
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprintln("got line", i), line)
		}
		assert.NoError(t, in.Close())
		assert.Empty(t, read(t, resp))
	})
}

func TestFilesAreServedWholeAndInRanges(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	file := filepath.Join(t.TempDir(), "file.txt")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	both(t, func(t *testing.T, http2 bool) {
		s := serve(t, http2, guarded(func(w http.ResponseWriter, r *http.Request) {
			_, byTheSystem := w.(io.ReaderFrom)
			assert.Equal(t, !http2, byTheSystem)
			http.ServeFile(w, r, file)
		}))
		for _, tt := range []struct {
			name, ranges, want string
			status             int
		}{
			{"whole", "", content, http.StatusOK},
			{"range", "bytes=999990-999999", "0123456789", http.StatusPartialContent},
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
			require.NoError(t, err)
			if tt.ranges != "" {
				req.Header.Set("Range", tt.ranges)
			}
			resp, err := s.guardedClient().Do(req)
			require.NoError(t, err)
			got := read(t, resp)
			assert.Equal(t, tt.status, resp.StatusCode, tt.name)
			assert.Len(t, got, len(tt.want), tt.name)
			assert.True(t, strings.HasPrefix(content[len(content)-len(got):], got), tt.name) // not printed whole
		}
	})
}

func TestThePriorityOfARequestStaysWithItsCallsAndTheKeyDoesNot(t *testing.T) {
	tests := []struct {
		name    string
		outside any // the key in the context of the server
		want    any
	}{{"no key before", nil, nil}, {"a key of the server's own", "mine", "mine"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var inLayer, inHandler wrapper.Override
			var host string
			out := httpguard.Transport(wrapper.Compose(wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
				o, _ := wrapper.OverrideOf(ctx)
				host, _ = o.Key.(string)
				return next(ctx)
			})), roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}))
			look := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
				inLayer, _ = wrapper.OverrideOf(ctx)
				return next(ctx)
			})
			h := httpguard.Handler(wrapper.Compose(look), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				inHandler, _ = wrapper.OverrideOf(r.Context())
				req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://api.example/", nil)
				assert.NoError(t, err)
				resp, err := out.RoundTrip(req)
				assert.NoError(t, err)
				assert.NoError(t, resp.Body.Close())
			}), httpguard.Key(func(*http.Request) any { return "tenant" }), httpguard.Priority(func(*http.Request) int { return 7 }))
			ctx := t.Context()
			if tt.outside != nil {
				ctx = wrapper.WithOverride(ctx, wrapper.Override{Key: tt.outside})
			}
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			h.ServeHTTP(w, r)
			assert.Equal(t, "tenant", inLayer.Key, "it is for the layers of the handler")
			assert.Equal(t, tt.want, inHandler.Key)
			assert.Equal(t, 7, inHandler.Priority)
			assert.False(t, inHandler.NoRetry, "nor is what keeps a handler from running twice")
			if tt.outside == nil {
				assert.Equal(t, "api.example", host, "the key of a call is its host, not the tenant")
			}
		})
	}
}
