package httpguard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// answer sends one request to a handler without a network.
func answer(h http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	return rec
}

func TestARefusedRequestIsAnsweredAtOnce(t *testing.T) {
	closed := wrapper.Compose()
	require.NoError(t, closed.Close())
	open := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(90*time.Second))
	_ = open.Do(t.Context(), func(context.Context) error { return errors.New("x") })
	full := semaphore.New(1, semaphore.MaxWaiters(0))
	require.True(t, full.TryAcquire(1))
	empty := ratelimit.New(ratelimit.Every(10*time.Second), 1, ratelimit.MaxWait(time.Second))
	require.True(t, empty.Allow())
	tests := []struct {
		name   string
		w      *wrapper.Wrapper
		status int
		after  string
	}{
		{"closed", closed, 503, "1"},
		{"an open breaker", wrapper.Compose(open), 503, "90"},
		{"a full queue", wrapper.Compose(full), 503, "1"},
		{"a rate limit", wrapper.Compose(empty), 429, "10"},
		{"a retry changes nothing", wrapper.Compose(retry.New(), full), 503, "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := answer(httpguard.Handler(tt.w, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it ran") })))
			assert.Equal(t, tt.status, rec.Code)
			assert.Equal(t, tt.after, rec.Header().Get("Retry-After"))
			assert.Equal(t, http.StatusText(tt.status)+"\n", rec.Body.String())
		})
	}
	rec := answer(httpguard.Handler(closed, http.HandlerFunc(ok), httpguard.Refused(func(w http.ResponseWriter, _ *http.Request, err error) {
		assert.ErrorIs(t, err, wrapper.ErrClosed)
		w.WriteHeader(http.StatusTeapot)
	})))
	assert.Equal(t, http.StatusTeapot, rec.Code)
}

func TestAnOrdinaryRequestPasses(t *testing.T) {
	s := semaphore.New(1)
	h := httpguard.Handler(wrapper.Compose(wrapper.Timeout(time.Minute), s), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.EqualValues(t, 1, s.Held())
		_, has := r.Context().Deadline()
		assert.True(t, has)
		w.Header().Set("X-Test", "1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "made")
	}))
	rec := answer(h)
	assert.Equal(t, http.StatusCreated, rec.Code)
	assert.Equal(t, "1", rec.Header().Get("X-Test"))
	assert.Equal(t, "made", rec.Body.String())
	assert.Zero(t, s.Held())
}

func TestStatusesFrom500OnAreFailuresForTheLayers(t *testing.T) {
	tests := []struct {
		status int
		want   breaker.State
	}{{0, breaker.Closed}, {200, breaker.Closed}, {404, breaker.Closed}, {500, breaker.Open}, {503, breaker.Open}}
	for _, tt := range tests {
		b := breaker.New(breaker.ConsecutiveFailures(1))
		runs := 0
		policy := retry.New(retry.On(retry.Events{Retry: func(retry.Retry) { t.Error("a retry") }}))
		rec := answer(httpguard.Handler(wrapper.Compose(policy, b), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			runs++
			if tt.status > 0 {
				w.WriteHeader(tt.status)
			}
		})))
		assert.Equal(t, tt.want, b.State(), "status %d", tt.status)
		assert.Equal(t, 1, runs, "a handler is never run again")
		assert.Equal(t, max(tt.status, 200), rec.Code)
	}
}

func TestAHandlerRunsOnceWhateverALayerDoes(t *testing.T) {
	runs := 0
	twice := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
		_ = next(ctx)
		return next(ctx)
	})
	rec := answer(httpguard.Handler(wrapper.Compose(twice), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { runs++; ok(w, r) })))
	assert.Equal(t, 1, runs)
	assert.Equal(t, "ok", rec.Body.String())
}

func TestAPanicOfAHandlerReturnsThePermitAndPasses(t *testing.T) {
	sem := semaphore.New(1)
	h := httpguard.Handler(wrapper.Compose(sem), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }))
	assert.PanicsWithValue(t, "a bug", func() { answer(h) })
	assert.Zero(t, sem.Held())
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	defer s.Close()
	for range 3 {
		_, err := s.Client().Get(s.URL)
		assert.Error(t, err, "the server cut the connection")
	}
	assert.Zero(t, sem.Held())

	rec := answer(httpguard.Handler(wrapper.Compose(wrapper.Recover(), sem), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })))
	assert.Equal(t, http.StatusInternalServerError, rec.Code, "a Recover layer makes an answer of it")
}

func TestPriorityAndKeyComeFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.New(1)
		require.True(t, sem.TryAcquire(1))
		var order []string
		var key any
		look := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
			o, _ := wrapper.OverrideOf(ctx)
			key = o.Key
			return next(ctx)
		})
		layers := []wrapper.Layer{wrapper.PerKey(breaker.NewKeyed[string]()), sem, look}
		h := httpguard.Handler(wrapper.Compose(layers...), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			order = append(order, r.URL.Path+" "+fmt.Sprint(key))
		}), httpguard.Priority(func(r *http.Request) int { return len(r.URL.Path) }),
			httpguard.Key(func(r *http.Request) any { return r.Host }))
		var wg sync.WaitGroup
		for _, path := range []string{"/", "/important", "/some"} {
			wg.Go(func() {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				h.ServeHTTP(httptest.NewRecorder(), r)
			})
			synctest.Wait()
		}
		sem.Release(1)
		wg.Wait()
		assert.Equal(t, []string{"/important example.com", "/some example.com", "/ example.com"}, order)
	})
}

func TestStreamingHandlersCanFlush(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		next := make(chan struct{})
		h := httpguard.Handler(wrapper.Compose(semaphore.New(1)), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "one\n")
			w.(http.Flusher).Flush()
			<-next
			fmt.Fprint(w, "two\n")
			assert.NoError(t, http.NewResponseController(w).Flush())
			<-next
		}))
		s := serve(t, http2, h.ServeHTTP)
		resp, err := s.Client().Get(s.URL)
		require.NoError(t, err)
		r := bufio.NewReader(resp.Body)
		for _, want := range []string{"one\n", "two\n"} {
			line, err := r.ReadString('\n')
			assert.NoError(t, err)
			assert.Equal(t, want, line)
			next <- struct{}{}
		}
		assert.NoError(t, resp.Body.Close())
	})
}

func TestAHandlerKeepsTheAbilitiesOfItsWriter(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		abilities := func(w http.ResponseWriter) [4]bool {
			_, a := w.(http.Flusher)
			_, b := w.(http.Hijacker)
			_, c := w.(io.ReaderFrom)
			_, d := w.(http.Pusher)
			return [4]bool{a, b, c, d}
		}
		var bare [4]bool
		s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			bare = abilities(w)
			httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				assert.Equal(t, bare, abilities(w))
				assert.NoError(t, http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)))
				n, err := io.Copy(w, strings.NewReader("copied"))
				assert.NoError(t, err)
				assert.EqualValues(t, 6, n)
			})).ServeHTTP(w, r)
		})
		resp, err := s.Client().Get(s.URL)
		require.NoError(t, err)
		assert.Equal(t, "copied", read(t, resp))
	})
	type plain struct{ http.ResponseWriter }
	h := httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flushes := w.(http.Flusher)
		assert.False(t, flushes, "it does not pretend")
		fmt.Fprint(w, "x")
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(plain{rec}, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, "x", rec.Body.String())
}

// An upgrade as WebSocket makes it: the handler hijacks the connection, and the
// client's body can be written to. Both sides are guarded.
func TestUpgradedConnectionsWorkOnBothSides(t *testing.T) {
	sem := semaphore.New(1)
	h := httpguard.Handler(wrapper.Compose(sem, wrapper.Timeout(time.Minute)), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		assert.NoError(t, rw.Flush())
		line, err := rw.ReadString('\n')
		assert.NoError(t, err)
		fmt.Fprint(rw, "echo ", line)
		assert.NoError(t, rw.Flush())
	}))
	s := serve(t, false, h.ServeHTTP)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := httpguard.Transport(wrapper.Compose(wrapper.Timeout(10*time.Second), retries(1)), s.base,
		httpguard.Failure(func(*http.Response) bool { return true })).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	conn, isConn := resp.Body.(io.ReadWriter)
	require.True(t, isConn)
	fmt.Fprint(conn, "hello\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "echo hello\n", line)
	assert.NoError(t, resp.Body.Close())
}

func TestUnderOverloadTheServerShedsAndServesTheRestInTime(t *testing.T) {
	const limit, waiters, clients = 4, 4, 60
	var running, most, served, shed atomic.Int64
	w := wrapper.Compose(semaphore.New(limit, semaphore.MaxWaiters(waiters)))
	s := serve(t, false, httpguard.Handler(w, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		timer := time.NewTimer(5 * time.Millisecond)
		defer timer.Stop()
		<-timer.C
		ok(w, r)
	})).ServeHTTP)
	s.base.MaxIdleConnsPerHost = clients
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range 5 {
				resp, err := s.Client().Get(s.URL)
				if !assert.NoError(t, err) {
					return
				}
				switch resp.StatusCode {
				case http.StatusOK:
					served.Add(1)
				case http.StatusServiceUnavailable:
					assert.Equal(t, "1", resp.Header.Get("Retry-After"))
					shed.Add(1)
				default:
					t.Errorf("status %d", resp.StatusCode)
				}
				read(t, resp)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 5*clients, served.Load()+shed.Load())
	assert.LessOrEqual(t, most.Load(), int64(limit))
	assert.Positive(t, served.Load())
	assert.Positive(t, shed.Load())
}

func TestHandlerPanicsOnBadInput(t *testing.T) {
	w := wrapper.Compose()
	assert.PanicsWithValue(t, "httpguard: Handler needs a wrapper, got nil", func() { httpguard.Handler(nil, http.HandlerFunc(ok)) })
	assert.PanicsWithValue(t, "httpguard: Handler needs a handler to run, got nil", func() { httpguard.Handler(w, nil) })
	assert.PanicsWithValue(t, "httpguard: Priority needs a function, got nil", func() { httpguard.Priority(nil) })
	assert.PanicsWithValue(t, "httpguard: Key needs a function, got nil", func() { httpguard.Key(nil) })
	assert.PanicsWithValue(t, "httpguard: Refused needs a function, got nil", func() { httpguard.Refused(nil) })
}

// serveQuietly serves h over a network, without a log.
func serveQuietly(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestAResponseCutShortByAPanicIsNotEndedAsIfItWereWhole(t *testing.T) {
	tests := []struct {
		name  string
		value any
		write bool
	}{
		{"a bug in the middle", "a bug", true},
		{"an abort in the middle", http.ErrAbortHandler, true},
		{"an abort before anything", http.ErrAbortHandler, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sem := semaphore.New(1)
			h := httpguard.Handler(wrapper.Compose(wrapper.Recover(), sem), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.write {
					fmt.Fprint(w, "half")
					w.(http.Flusher).Flush()
				}
				panic(tt.value)
			}))
			s := serveQuietly(t, h)
			resp, err := s.Client().Get(s.URL)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			assert.Error(t, err, "the client takes it for the whole")
			assert.Zero(t, sem.Held())
		})
	}
}

func TestAClientThatHangsUpIsNoFailureEvenIfTheHandlerAborts(t *testing.T) {
	tests := []struct {
		name   string
		hangUp bool
		value  any
		want   breaker.State
	}{
		{"an abort because the client hung up", true, http.ErrAbortHandler, breaker.Closed},
		{"an abort", false, http.ErrAbortHandler, breaker.Open},
		{"a bug", true, "a bug", breaker.Open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, sem := breaker.New(breaker.ConsecutiveFailures(1)), semaphore.New(1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := httpguard.Handler(wrapper.Compose(b, sem), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if tt.hangUp {
					cancel()
				}
				panic(tt.value)
			}))
			req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			assert.PanicsWithValue(t, tt.value, func() { h.ServeHTTP(httptest.NewRecorder(), req) })
			assert.Equal(t, tt.want, b.State())
			assert.Zero(t, sem.Held())
		})
	}
}

func TestAHandlerThatATimeoutEndedWithoutAnAnswerIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1))
		h := httpguard.Handler(wrapper.Compose(wrapper.Timeout(time.Second), b), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}))
		assert.Equal(t, http.StatusServiceUnavailable, answer(h).Code, "an empty 200 says that all is well")
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestARetryThatHoldsBehindAKeyDoesNotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := wrapper.NewKeyed(func(string) []wrapper.Layer {
			return []wrapper.Layer{retry.New(retry.MaxRetries(3), retry.Backoff(retry.Constant(time.Hour)))}
		})
		h := httpguard.Handler(wrapper.Compose(wrapper.PerKey(k)), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
		}), httpguard.Key(func(*http.Request) any { return "tenant" }))
		begin := time.Now()
		assert.Equal(t, http.StatusBadGateway, answer(h).Code)
		assert.Zero(t, time.Since(begin))
	})
}

// failingFlusher is a writer whose flush fails, as when the client has gone.
type failingFlusher struct{ http.ResponseWriter }

func (failingFlusher) FlushError() error { return errFlush }

var errFlush = errors.New("gone")

func TestAControllerLearnsThatAFlushFailed(t *testing.T) {
	h := httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), errFlush)
	}))
	h.ServeHTTP(failingFlusher{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))

	h = httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), http.ErrNotSupported)
	}))
	h.ServeHTTP(struct{ http.ResponseWriter }{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))

	var failed error
	gone := make(chan struct{})
	h = httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(gone)
		rc := http.NewResponseController(w)
		assert.NoError(t, rc.SetWriteDeadline(time.Now().Add(-time.Second)))
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
		failed = rc.Flush()
	}))
	s := serveQuietly(t, h)
	resp, err := s.Client().Get(s.URL)
	if err == nil {
		assert.NoError(t, resp.Body.Close())
	}
	<-gone
	assert.Error(t, failed)
}
