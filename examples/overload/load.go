package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// The server of the second table.
const (
	atOnce   = 8                     // requests that it serves best at once
	takes    = 32 * time.Millisecond // one of them
	capacity = atOnce * int(time.Second/takes)
	patience = 500 * time.Millisecond // of a client
)

// row is one measurement.
type row struct {
	name             string
	load             float64 // of the capacity
	guarded          bool
	rate             float64
	good, late, shed float64 // a second
	p50, p99         time.Duration
}

// client is an HTTP client that keeps its connections.
func client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // it is documented
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 10_000
	return &http.Client{Transport: t}
}

// costs measures a handler that does nothing, bare and guarded, in turns.
func costs(d time.Duration) []row {
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	guard := wrapper.Compose(wrapper.Timeout(time.Minute), semaphore.New(100, semaphore.MaxWaiters(100)))
	rows := []row{{name: "bare"}, {name: "guarded"}}
	for range 3 {
		for i, h := range []http.Handler{bare, httpguard.Handler(guard, bare)} {
			if r := closedLoop(h, 8, d); r.rate > rows[i].rate {
				rows[i].rate, rows[i].p50, rows[i].p99 = r.rate, r.p50, r.p99
			}
		}
	}
	return rows
}

// closedLoop lets clients ask again as soon as they have an answer.
func closedLoop(h http.Handler, clients int, d time.Duration) row {
	s := httptest.NewServer(h)
	defer s.Close()
	c := client()
	defer c.CloseIdleConnections()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(begin) < d {
				sent := time.Now()
				if _, err := get(context.Background(), c, s.URL); err == nil {
					mine = append(mine, time.Since(sent))
				}
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	r := row{rate: float64(len(all)) / time.Since(begin).Seconds()}
	r.p50, r.p99 = quantiles(all)
	return r
}

// backend is a server that is slower the more it does at once, beyond what it
// serves best.
type backend struct {
	over chan struct{} // closed when the measurement is over: nobody waits for what is left

	mu      sync.Mutex
	running int
}

func (b *backend) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	b.running++
	d := takes * time.Duration(max(b.running, atOnce)) / atOnce
	if b.running > 2*atOnce { // it thrashes
		d = d * 5 / 4
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.running--
		b.mu.Unlock()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C: // it does not notice that a client has gone: few servers do
	case <-b.over:
	}
	_, _ = io.WriteString(w, "ok")
}

// overload sends requests at a steady rate, whether answers come or not, as the
// clients of a public server do.
func overload(load float64, guarded bool, d time.Duration) row {
	r := row{name: "bare", load: load, guarded: guarded}
	b := &backend{over: make(chan struct{})}
	var h http.Handler = b
	if guarded {
		r.name = "guarded"
		h = httpguard.Handler(wrapper.Compose(semaphore.New(atOnce, semaphore.MaxWaiters(4*atOnce))), h)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	c := client()
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), d+patience)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	var mu sync.Mutex
	var good []time.Duration
	late, shed := 0, 0
	var wg sync.WaitGroup
	begin := time.Now()
	send := func() {
		wg.Go(func() {
			sent := time.Now()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			status, err := get(ctx, c, s.URL)
			took := time.Since(sent)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				late++
			case status != http.StatusOK:
				shed++
			default:
				good = append(good, took)
			}
		})
	}
	for n := 0; time.Since(begin) < d; <-ticker.C {
		for due := int(time.Since(begin).Seconds() * load * float64(capacity)); n < due; n++ {
			send() // a tick that came late sends more
		}
	}
	wg.Wait()
	close(b.over) // a server that is far behind would work on for many seconds
	r.good, r.late, r.shed = float64(len(good))/d.Seconds(), float64(late)/d.Seconds(), float64(shed)/d.Seconds()
	r.p50, r.p99 = quantiles(good)
	return r
}

func get(ctx context.Context, c *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func quantiles(all []time.Duration) (p50, p99 time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}
