package semaphore_test

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weirkit/weir/semaphore"
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

// within is call with a time after which the caller gives up.
func (s *server) within(d time.Duration) error {
	if took := s.admit(); took <= d {
		time.Sleep(took)
		return nil
	}
	time.Sleep(d)
	return context.DeadlineExceeded
}

// load is clients that keep a backend as busy as an Adaptive allows: each calls
// again as soon as it has its answer. One goroutine does what all of them would,
// one event after the other in virtual time, so that a seed means one course of
// events, whatever else the machine does.
type load struct {
	a       *semaphore.Adaptive
	send    func() (took time.Duration, outcome semaphore.Outcome)
	back    func(semaphore.Outcome) // told of each answer, or nil
	clients int
	others  int // clients that ask nobody before they call

	base   time.Time
	flying flights
	calls  int // of clients
	rude   int // of others
}

// flight is a call under way.
type flight struct {
	lands   time.Duration // since base
	call    *semaphore.Call
	outcome semaphore.Outcome
}

func newLoad(n int, a *semaphore.Adaptive, s *server) *load {
	return &load{a: a, clients: n, base: time.Now(), send: func() (time.Duration, semaphore.Outcome) {
		return s.admit(), semaphore.Success
	}}
}

// run lets the clients call for d.
func (l *load) run(d time.Duration) {
	for end := time.Since(l.base) + d; ; {
		l.launch()
		if len(l.flying) == 0 || l.flying[0].lands > end {
			time.Sleep(end - time.Since(l.base))
			return
		}
		time.Sleep(l.flying[0].lands - time.Since(l.base))
		l.land()
	}
}

// drain waits for the answers to what is under way.
func (l *load) drain() {
	for len(l.flying) > 0 {
		time.Sleep(l.flying[0].lands - time.Since(l.base))
		l.land()
	}
}

// launch begins every call that may be made.
func (l *load) launch() {
	for ; l.rude < l.others; l.rude++ {
		l.fly(nil)
	}
	for l.calls < l.clients {
		c, ok := l.a.TryAcquire()
		if !ok {
			return
		}
		l.calls++
		l.fly(c)
	}
}

func (l *load) fly(c *semaphore.Call) {
	took, outcome := l.send()
	heap.Push(&l.flying, flight{time.Since(l.base) + took, c, outcome})
}

// land ends the call that is answered next.
func (l *load) land() {
	f := heap.Pop(&l.flying).(flight) //nolint:forcetypeassert // it holds nothing else
	if l.back != nil {
		l.back(f.outcome)
	}
	if f.call == nil {
		l.rude--
		return
	}
	l.calls--
	f.call.End(f.outcome)
}

// flights is a heap, the next to land on top.
type flights []flight

func (f flights) Len() int           { return len(f) }
func (f flights) Less(i, j int) bool { return f[i].lands < f[j].lands }
func (f flights) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)        { *f = append(*f, x.(flight)) } //nolint:forcetypeassert // see land
func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// track goes on for d and samples the limit ten times a second: its mean in
// proportion to the knee, and the part of the samples that are within 30 % of it.
func (l *load) track(knee int, d time.Duration) (mean, within float64) {
	n := 0.0
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		limit := float64(l.a.Limit()) / float64(knee)
		mean += limit
		if limit >= 0.7 && limit <= 1.3 {
			within++
		}
		l.run(100 * time.Millisecond)
	}
	return mean / n, within / n
}
