package httpguard_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// world is a network and a client that misbehave at random, and what both have to
// give back.
type world struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	bodies []*tracked
	ctxs   []context.Context    // of exchanges
	ends   []context.CancelFunc // of the callers' contexts
}

// tracked is a body of a request or of a response. A stalled one gives its text and
// then nothing until its exchange ends or it is closed.
type tracked struct {
	io.Reader

	of      string
	ctx     context.Context // of the exchange
	stalled bool
	fails   bool
	end     chan struct{}
	once    sync.Once
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	switch {
	case err == nil || !b.stalled && !b.fails:
		return n, err
	case b.fails:
		return n, errLine
	}
	select {
	case <-b.ctx.Done():
		return n, b.ctx.Err()
	case <-b.end:
		return n, http.ErrBodyReadAfterClose
	}
}

func (b *tracked) Close() error { b.once.Do(func() { close(b.end) }); return nil }

// conn is a tracked body that can be written to.
type conn struct{ *tracked }

func (conn) Write(p []byte) (int, error) { return len(p), nil }

var errLine = errors.New("the line is dead")

// n is a random number below most.
func (w *world) n(most int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(most)
}

func (w *world) body(of, text string, ctx context.Context) *tracked { //nolint:revive // ctx belongs to the body
	b := &tracked{Reader: strings.NewReader(text), of: of, ctx: ctx, end: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, b)
	return b
}

// RoundTrip answers at random. Like that of net/http it closes the body of the
// request.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.ctxs = append(w.ctxs, r.Context())
	w.mu.Unlock()
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	timer := time.NewTimer(time.Duration(w.n(300)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		if w.n(4) > 0 { // or it does not notice
			return nil, r.Context().Err()
		}
		<-timer.C
	}
	switch w.n(12) {
	case 0, 1:
		return nil, errLine
	case 2:
		panic("a bug of the base")
	case 3:
		return nil, nil //nolint:nilnil // a base that breaks its contract
	case 4:
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: conn{w.body("a connection", "", r.Context())}}, nil
	}
	status := []int{200, 200, 204, 404, 429, 500, 503}[w.n(7)]
	resp := &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1}
	if w.n(4) == 0 {
		resp.Header.Set("Retry-After", "1")
	}
	if w.n(5) == 0 {
		resp.Body, resp.ContentLength = http.NoBody, 0
		return resp, nil
	}
	text := strings.Repeat("x", w.n(3)*40_000)
	b := w.body("a response", text, r.Context())
	b.stalled, b.fails = w.n(4) == 0, w.n(5) == 0
	if w.n(2) == 0 {
		resp.ContentLength = int64(len(text))
	}
	resp.Body = b
	return resp, nil
}

// layers returns some layers.
func (w *world) layers(sem *semaphore.Semaphore) (layers []wrapper.Layer) {
	for i, l := range []wrapper.Layer{
		wrapper.Recover(), wrapper.Timeout(time.Duration(1+w.n(1500)) * time.Millisecond),
		retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(10*time.Millisecond)), retry.MaxDelay(2*time.Second)),
		breaker.New(breaker.ConsecutiveFailures(4), breaker.OpenFor(time.Second)),
		wrapper.Hedge(50 * time.Millisecond),
		wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
			if err := next(ctx); err != nil || w.n(6) > 0 {
				return err
			}
			return errLayer
		}), sem, wrapper.AttemptTimeout(time.Duration(1+w.n(400)) * time.Millisecond),
	} {
		if w.n(2) == 0 || i == 6 {
			layers = append(layers, l)
		}
	}
	return layers
}

// ask sends a request and does something with the answer.
func (w *world) ask(ctx context.Context, tr http.RoundTripper) {
	ctx, end := context.WithTimeout(ctx, time.Hour)
	if w.n(2) == 0 {
		time.AfterFunc(time.Duration(1+w.n(1000))*time.Millisecond, end)
	}
	w.mu.Lock()
	w.ends = append(w.ends, end) // later: what has ended must not need it
	w.mu.Unlock()
	method := []string{http.MethodGet, http.MethodPut, http.MethodPost}[w.n(3)]
	req, err := http.NewRequestWithContext(ctx, method, "http://x.test", nil)
	if err != nil {
		panic(err)
	}
	if method != http.MethodGet {
		req.Body = w.body("a request", "text", ctx)
		if w.n(2) == 0 {
			req.GetBody = func() (io.ReadCloser, error) { return w.body("a request", "text", ctx), nil }
		}
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return
	}
	if resp.StatusCode != http.StatusSwitchingProtocols && w.n(2) == 0 {
		defer time.AfterFunc(time.Second, func() { _ = resp.Body.Close() }).Stop() // it may be stalled
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	_ = resp.Body.Close()
}

func TestEverythingIsClosedAndGivenBackWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{rnd: rand.New(rand.NewPCG(seed, 9))}
			sem := semaphore.New(2)
			guard := wrapper.Compose(w.layers(sem)...)
			tr := httpguard.Transport(guard, w)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 4 {
						testkit.Run(func() { w.ask(t.Context(), tr) })
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			require.Zero(t, sem.Held(), "seed %d: %v", seed, guard)
			require.NoError(t, guard.Close(), "seed %d", seed)
			for _, b := range w.bodies {
				select {
				case <-b.end:
				default:
					require.Fail(t, "a body is open", "seed %d: of %s: %v", seed, b.of, guard)
				}
			}
			for _, ctx := range w.ctxs {
				require.Error(t, ctx.Err(), "seed %d: the context of an exchange goes on: %v", seed, guard)
			}
			for _, end := range w.ends {
				end()
			}
		})
	}
}
