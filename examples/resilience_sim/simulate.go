package main

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weirkit/weir/wrapper"
)

// config is one simulation: times are virtual.
type config struct {
	clients   int // each makes a call a second, on the average
	processes int // that the clients are in: each has its own breaker and budget
	timeout   time.Duration
	length    time.Duration
	outage    time.Duration // when it begins
	outageFor time.Duration
	warmUp    time.Duration // how long its caches are cold afterwards
	cold      int           // how many times slower that makes it at first
	rampUp    time.Duration
	workers   int
	service   time.Duration
	hang      time.Duration // of a request in the outage
	queue     time.Duration // the longest wait in the backend's queue
	restart   time.Duration // how long the backend is down after its queue was full; 0: it stands that
	seed      uint64
}

// defaults gives a backend one and a half times of what the clients need.
func defaults(clients int) config {
	return config{
		clients: clients, processes: 20, timeout: time.Second,
		length: 120 * time.Second, outage: 20 * time.Second, outageFor: 20 * time.Second,
		warmUp: 20 * time.Second, cold: 8, rampUp: 20 * time.Second,
		workers: max(clients*3/100, 1), service: 20 * time.Millisecond, hang: time.Second, queue: 5 * time.Second, seed: 1,
	}
}

// end is when the outage is over.
func (c config) end() time.Duration { return c.outage + c.outageFor }

// result is what came of a simulation.
type result struct {
	strategy
	config
	load   series // requests that reached the backend
	calls  series // that clients made, by when they began
	good   series // of those, the ones that succeeded, by when they ended
	wasted int    // answers of the backend to nobody

	restarts int // of the backend
}

// results are the runs of one strategy, ordered by the calls served after the
// outage, of which the middle one is typical.
type results []result

func (all results) typical() result { return all[len(all)/2] }

// runs simulates each strategy several times, each in a bubble of virtual time:
// breakers and backoffs have chance in them, which no seed governs.
func runs(cfg config, list []strategy, n int, bubble func(func(context.Context))) []results {
	var out []results
	for _, s := range list {
		var all results
		for i := range n {
			cfg := cfg
			cfg.seed += uint64(i) // #nosec G115 -- few
			bubble(func(ctx context.Context) { all = append(all, simulate(ctx, s, cfg)) })
		}
		slices.SortFunc(all, func(a, b result) int { return cmp.Compare(a.served(), b.served()) })
		out = append(out, all)
	}
	return out
}

// simulate runs the clients of one strategy against a backend of its own. It
// must run in a testing/synctest bubble, where time passes as soon as everybody
// waits.
func simulate(ctx context.Context, s strategy, cfg config) result {
	start := time.Now()
	server := newBackend(start, cfg)
	r := result{strategy: s, config: cfg, calls: newSeries(cfg.length), good: newSeries(cfg.length)}
	guards := make([]*wrapper.Wrapper, cfg.processes)
	for i := range guards {
		guards[i] = s.guard(cfg)
	}
	var mu sync.Mutex
	note := func(to series) {
		mu.Lock()
		to.add(time.Since(start))
		mu.Unlock()
	}
	var wg sync.WaitGroup
	for c := range cfg.clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(cfg.seed, uint64(c))) // #nosec G404 G115 -- a simulation
			guard := guards[c%cfg.processes]
			for {
				if !pause(ctx, time.Duration(random.ExpFloat64()*float64(time.Second))) || time.Since(start) >= cfg.length {
					return
				}
				note(r.calls)
				wg.Go(func() { // users come, whether or not others are served
					if guard.Do(ctx, server.serve) == nil {
						note(r.good)
					}
				})
			}
		})
	}
	wg.Wait()
	for _, g := range guards {
		_ = g.Close()
	}
	r.load, r.wasted, r.restarts = server.arrived, server.wasted, server.restarts
	return r
}

// pause waits for d and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mean is the average of a series from one moment to another, a second.
func mean(s series, from, to time.Duration) float64 {
	sum := 0
	part := s[int(from/time.Second):int(to/time.Second)]
	for _, n := range part {
		sum += n
	}
	return float64(sum) / float64(max(len(part), 1))
}

// peak is the largest load of a second after the outage began, in times of the
// load before.
func (r result) peak() float64 {
	most := 0
	for _, n := range r.load[int(r.outage/time.Second):] {
		most = max(most, n)
	}
	return float64(most) / r.before()
}

// served is the share of the calls after the outage that succeeded.
func (r result) served() float64 {
	return mean(r.good, r.end(), r.length) / mean(r.calls, r.end(), r.length)
}

func (r result) before() float64 { return mean(r.load, 5*time.Second, r.outage) }

// recovery is how long after the outage it took until clients were served
// again, nearly all and for good: from then on, in each three seconds on end at
// least 95 of 100 calls succeed.
func (r result) recovery() (time.Duration, bool) {
	end := r.end()
	last := int(r.length/time.Second) - 3
	at := last + 1
	for ; at > int(end/time.Second); at-- {
		from, to := time.Duration(at-1)*time.Second, time.Duration(at+2)*time.Second
		if mean(r.good, from, to) < 0.95*mean(r.calls, from, to) {
			break
		}
	}
	return time.Duration(at)*time.Second - end, at <= last
}
