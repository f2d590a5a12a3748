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

// row is one measurement.
type row struct {
	name             string
	load             float64 // of the capacity
	rate             float64
	good, late, shed float64 // a second
	p50, p99         time.Duration
	limit            string // how many could run at once; empty: any number
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
