package httpguard_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// upload is a form with a file.
func upload(t *testing.T, url string, size int) *http.Request {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "big.bin")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	req := request(t, http.MethodPost, url, &b)
	req.Header.Set("Content-Type", form.FormDataContentType())
	return req
}

// The server removes the files of the form of the request that it knows.
func TestTheFilesOfAFormAreRemovedAfterTheRequest(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	both(t, func(t *testing.T, http2 bool) {
		for _, panics := range []bool{false, true} {
			s := serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
				httpguard.Handler(wrapper.Compose(wrapper.Recover()), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					assert.NoError(t, r.ParseMultipartForm(1000))
					files, err := os.ReadDir(dir)
					assert.NoError(t, err)
					assert.NotEmpty(t, files, "the test needs a file that is too large for memory")
					if panics {
						panic("a bug")
					}
				})).ServeHTTP(w, r)
			})
			resp, err := s.Client().Do(upload(t, s.URL, 100_000))
			require.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
			s.Close() // waits for the handler
			files, err := os.ReadDir(dir)
			assert.NoError(t, err)
			assert.Empty(t, files)
		}
	})
}

func TestWhoIsOutsideLearnsThePatternThatMatched(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", ok)
	h := httpguard.Handler(wrapper.Compose(), mux)
	r := httptest.NewRequest(http.MethodGet, "/items/7", nil)
	h.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, "GET /items/{id}", r.Pattern)

	outer := http.NewServeMux()
	outer.Handle("/api/", httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/api/", r.Pattern)
		ok(w, r)
	})))
	r = httptest.NewRequest(http.MethodGet, "/api/x", nil)
	outer.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, "/api/", r.Pattern)
}

// stringer is a writer that takes strings, as those of net/http do.
type stringer struct {
	*httptest.ResponseRecorder

	strings int
}

func (s *stringer) WriteString(text string) (int, error) {
	s.strings++
	return s.ResponseRecorder.WriteString(text)
}

func TestStringsAreWrittenAsStrings(t *testing.T) {
	w := &stringer{ResponseRecorder: httptest.NewRecorder()}
	h := httpguard.Handler(wrapper.Compose(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.WriteString(w, "text")
		assert.NoError(t, err)
		assert.Equal(t, 4, n)
	}))
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, 1, w.strings)
	assert.Equal(t, "text", w.Body.String())

	plain := httptest.NewRecorder()
	h.ServeHTTP(struct{ http.ResponseWriter }{plain}, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, "text", plain.Body.String())
}

func TestARefusalOfAHeadRequestHasNoBody(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		full := semaphore.New(1, semaphore.MaxWaiters(0))
		require.True(t, full.TryAcquire(1))
		s := serve(t, http2, httpguard.Handler(wrapper.Compose(full), http.HandlerFunc(ok)).ServeHTTP)
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			resp, err := s.Client().Do(request(t, method, s.URL, nil))
			require.NoError(t, err)
			assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
			assert.Equal(t, "1", resp.Header.Get("Retry-After"))
			assert.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
			assert.Equal(t, method == http.MethodGet, len(read(t, resp)) > 0)
		}
	})
}

func TestAPanicOfTheFunctionsOfAHandlerTakesNothing(t *testing.T) {
	tests := []struct {
		name string
		opt  httpguard.HandlerOption
	}{
		{"Priority", httpguard.Priority(func(*http.Request) int { panic("a bug") })},
		{"Key", httpguard.Key(func(*http.Request) any { panic("a bug") })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sem := semaphore.New(1)
			w := wrapper.Compose(sem)
			h := httpguard.Handler(w, http.HandlerFunc(ok), tt.opt)
			assert.PanicsWithValue(t, "a bug", func() { answer(h) })
			assert.Zero(t, sem.Held())
			assert.NoError(t, w.Close(), "no call runs")
		})
	}
	sem := semaphore.New(1)
	h := httpguard.Handler(wrapper.Compose(sem), http.HandlerFunc(ok), httpguard.Priority(func(*http.Request) int { return semaphore.MaxPriority + 1 }))
	assert.Panics(t, func() { answer(h) }, "out of bounds")
	assert.Zero(t, sem.Held())
}

func TestAHandlerThatExitsItsGoroutineReturnsThePermit(t *testing.T) {
	sem := semaphore.New(1)
	w := wrapper.Compose(sem)
	h := httpguard.Handler(w, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }))
	var wg sync.WaitGroup
	wg.Go(func() { answer(h) })
	wg.Wait()
	assert.Zero(t, sem.Held())
	assert.NoError(t, w.Close())
}

// The context may be that of the server, which is about to end, and the client be
// there: so it gets an answer.
func TestARequestWhoseContextEndsInTheQueueIsRefusedAndLeavesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.New(1)
		require.True(t, sem.TryAcquire(1))
		var told error
		h := httpguard.Handler(wrapper.Compose(sem), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it ran") }),
			httpguard.Refused(func(w http.ResponseWriter, r *http.Request, err error) {
				told = err
				httpguard.Refuse(w, r, err)
			}))
		ctx, cancel := context.WithCancel(t.Context())
		rec := httptest.NewRecorder()
		var wg sync.WaitGroup
		wg.Go(func() { h.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)) })
		synctest.Wait()
		assert.Equal(t, 1, sem.Waiting())
		cancel()
		wg.Wait()
		assert.Zero(t, sem.Waiting())
		assert.ErrorIs(t, told, context.Canceled)
		assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
		sem.Release(1)
		assert.Zero(t, sem.Held())
	})
}

func TestAStreamOfEventsHoldsItsPermitUntilTheClientHasGone(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		sem := semaphore.New(2)
		gone := make(chan struct{})
		s := serve(t, http2, httpguard.Handler(wrapper.Compose(sem), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			w.Header().Set("Content-Type", "text/event-stream")
			for i := 0; ; i++ {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if http.NewResponseController(w).Flush() != nil || r.Context().Err() != nil {
					return
				}
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Millisecond):
				}
			}
		})).ServeHTTP)
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := s.Client().Do(request(t, http.MethodGet, s.URL, nil).WithContext(ctx))
		require.NoError(t, err)
		lines := bufio.NewScanner(resp.Body)
		for range 20 {
			require.True(t, lines.Scan())
		}
		assert.EqualValues(t, 1, sem.Held())
		cancel()
		<-gone
		assert.NoError(t, resp.Body.Close())
		assert.NoError(t, sem.Acquire(t.Context(), 2), "it is back")
		sem.Release(2)
	})
}

// A tunnel that a goroutine of the handler goes on with is not the guard's any
// more once the handler has returned.
func TestAHijackedConnectionThatOutlivesItsHandlerHoldsNoPermit(t *testing.T) {
	sem := semaphore.New(1)
	var left sync.WaitGroup
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		httpguard.Handler(wrapper.Compose(sem), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if !assert.NoError(t, err) {
				return
			}
			left.Go(func() {
				defer func() { _ = conn.Close() }()
				fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
				assert.NoError(t, rw.Flush())
				_, _ = io.Copy(conn, rw)
			})
		})).ServeHTTP(w, r)
	})
	req := request(t, http.MethodGet, s.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := s.client(wrapper.Timeout(time.Minute)).Do(req)
	require.NoError(t, err)
	assert.NoError(t, sem.Acquire(t.Context(), 1), "the handler has returned, or soon will")
	conn := resp.Body.(io.ReadWriteCloser)
	_, err = conn.Write([]byte("ping\n"))
	assert.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "ping\n", line)
	assert.NoError(t, conn.Close())
	left.Wait()
}
