package main

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errBroken = errors.New("500: the database is down")
	errBusy   = errors.New("503: the queue is full")
	errDown   = errors.New("connection refused: the backend is restarted")
)

// backend is a server with a fixed number of workers and one queue in front of
// them, as most are. A request that its client has given up is worked on all the
// same: the server does not know. Where it is fragile, a full queue makes its
// supervisor restart it: all that was queued is lost, and its caches are cold.
type backend struct {
	start time.Time
	cfg   config

	mu       sync.Mutex
	free     freeTimes     // when each worker is free
	cold     time.Duration // since when its caches warm up
	up       time.Duration // when the last restart is over
	crashed  chan struct{} // closed by the next restart
	arrived  series        // requests, by second
	wasted   int           // answers to clients that had gone
	served   int           // answers that were in time
	restarts int
}

func newBackend(start time.Time, cfg config) *backend {
	return &backend{
		start: start, cfg: cfg, cold: cfg.end(), crashed: make(chan struct{}),
		free: make(freeTimes, cfg.workers), arrived: newSeries(cfg.length),
	}
}

// serve answers one request.
func (b *backend) serve(ctx context.Context) error {
	wait, crashed, err := b.enqueue()
	if wait > 0 {
		answered := time.NewTimer(wait)
		defer answered.Stop()
		select {
		case <-crashed:
			return errDown
		case <-answered.C:
		case <-ctx.Done():
			b.count(&b.wasted)
			return ctx.Err()
		}
	}
	if err == nil {
		b.count(&b.served)
	}
	return err
}

func (b *backend) count(n *int) {
	b.mu.Lock()
	*n++
	b.mu.Unlock()
}

// enqueue gives the request to the worker that is free first, and returns when
// it will be answered and how, unless the backend crashes before.
func (b *backend) enqueue() (wait time.Duration, crashed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Since(b.start)
	b.arrived.add(now)
	if now < b.up {
		return 0, nil, errDown
	}
	begin := max(now, b.free[0])
	if begin-now > b.cfg.queue {
		if b.cfg.restart > 0 {
			b.crashLocked(now)
			return 0, nil, errDown
		}
		return 0, nil, errBusy
	}
	work, err := b.work(begin)
	b.free[0] = begin + work
	heap.Fix(&b.free, 0)
	return begin + work - now, b.crashed, err
}

// crashLocked restarts the backend.
func (b *backend) crashLocked(now time.Duration) {
	b.restarts++
	close(b.crashed)
	b.crashed = make(chan struct{})
	b.up = now + b.cfg.restart
	b.cold = max(b.up, b.cfg.end())
	for i := range b.free { // equal numbers are a heap
		b.free[i] = b.up
	}
}

// work returns how long a worker is busy with a request that it begins at at.
// In the outage each one runs into the time limit of the database; afterwards
// the caches are cold, and fill up.
func (b *backend) work(at time.Duration) (time.Duration, error) {
	switch c := b.cfg; {
	case at < c.outage || at >= b.cold+c.warmUp:
		return c.service, nil
	case at < c.end():
		return c.hang, errBroken
	default:
		left := float64(b.cold+c.warmUp-at) / float64(c.warmUp)
		return c.service + time.Duration(float64(c.cold-1)*left*float64(c.service)), nil
	}
}

// freeTimes is a heap.
type freeTimes []time.Duration

func (f freeTimes) Len() int           { return len(f) }
func (f freeTimes) Less(i, j int) bool { return f[i] < f[j] }
func (f freeTimes) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *freeTimes) Push(any)          { panic("the number of workers is fixed") }
func (f *freeTimes) Pop() any          { panic("the number of workers is fixed") }

// series counts something by second.
type series []int

func newSeries(length time.Duration) series { return make(series, int(length/time.Second)+1) }

func (s series) add(at time.Duration) {
	if i := int(at / time.Second); i < len(s) {
		s[i]++
	}
}
