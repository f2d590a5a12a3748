package semaphore_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// server is a simulated backend: so many workers, one queue first come first
// served, and a service time drawn for each request. A request whose caller has
// given up is worked on all the same, as most servers do. Beyond as many
// requests as there are workers each only waits for the others: that is the knee.
type server struct {
	mu      sync.Mutex
	rng     *rand.Rand
	service time.Duration   // mean
	free    []time.Duration // when each worker is free, since base
	base    time.Time
	rigid   bool // every request takes the same time
}

func newServer(workers int, service time.Duration) *server { return newSeeded(1, workers, service) }

func newSeeded(seed uint64, workers int, service time.Duration) *server {
	return &server{
		rng: rand.New(rand.NewPCG(seed, 7)), service: service, // #nosec G404 -- reproducible
		free: make([]time.Duration, workers), base: time.Now(),
	}
}

// set changes the server while it runs.
func (s *server) set(workers int, service time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.service = service
	slices.Sort(s.free)
	for len(s.free) < workers {
		s.free = append(s.free, time.Since(s.base))
	}
	s.free = s.free[:workers] // the longest queues move to those that stay
}

// admit puts a request into the queue and returns how long it will take.
func (s *server) admit() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(s.base)
	first := 0
	for i, f := range s.free {
		if f < s.free[first] {
			first = i
		}
	}
	took := s.service
	if !s.rigid { // log-normal, like the latencies one meets: most below the mean, a tail
		const sigma = 0.5
		took = time.Duration(float64(s.service) * math.Exp(sigma*s.rng.NormFloat64()-sigma*sigma/2))
	}
	s.free[first] = max(s.free[first], now) + took
	return s.free[first] - now
}

// call sends a request and waits for the answer.
func (s *server) call(ctx context.Context) error {
	t := time.NewTimer(s.admit())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
