package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

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
// clients of a public server do. Those of the first moments, while the queue is
// not as long yet as it will be, are not counted.
func overload(load float64, g guard, d time.Duration) row {
	b := &backend{over: make(chan struct{})}
	var h http.Handler = b
	if g.layer != nil {
		h = httpguard.Handler(wrapper.Compose(g.layer), h)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	c := client()
	defer c.CloseIdleConnections()
	early := d / 5
	t := &tally{from: time.Now().Add(early)}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	var wg sync.WaitGroup
	begin, pause := time.Now(), time.Duration(float64(time.Second)/(load*float64(capacity)))
	for n := 0; time.Since(begin) < early+d; <-ticker.C {
		for ; time.Duration(n)*pause <= time.Since(begin); n++ { // a tick that came late sends more
			due := begin.Add(time.Duration(n) * pause)
			wg.Go(func() { t.ask(c, s.URL, due) })
		}
	}
	wg.Wait()
	close(b.over) // a server that is far behind would work on for many seconds
	r := t.row(d)
	r.name, r.load = g.name, load
	if g.limit != nil {
		r.limit = g.limit()
	}
	return r
}

// tally counts what becomes of requests that were due at a time or later.
type tally struct {
	from time.Time

	mu         sync.Mutex
	good       []time.Duration
	late, shed int
}

// ask sends a request. Its time counts from when it was due, not from when this
// program came to send it.
func (t *tally) ask(c *http.Client, url string, due time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), due.Add(patience))
	defer cancel()
	status, err := get(ctx, c, url)
	took := time.Since(due)
	if due.Before(t.from) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.late++
	case status != http.StatusOK:
		t.shed++
	default:
		t.good = append(t.good, took)
	}
}

// row returns what was counted in d.
func (t *tally) row(d time.Duration) row {
	r := row{good: float64(len(t.good)) / d.Seconds(), late: float64(t.late) / d.Seconds(), shed: float64(t.shed) / d.Seconds()}
	r.p50, r.p99 = quantiles(t.good)
	return r
}
