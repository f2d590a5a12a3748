package retry

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	latencySamples = 256 // that are remembered
	latencyFirst   = 32  // before which no quantile is known
	latencyRenew   = 16  // samples between two computations
)

// latencies is the quantile of the last 256 latencies. It is computed anew with
// every sixteenth.
type latencies struct {
	millionths int          // the wanted quantile
	current    atomic.Int64 // the quantile, -1 while unknown

	mu sync.Mutex
	// mu guards the samples, of which the newest is before next, and scratch.
	samples [latencySamples]time.Duration
	scratch [latencySamples]time.Duration
	n, next int
}

func newLatencies(q float64) *latencies {
	l := &latencies{millionths: int(math.Ceil(q * millions))}
	l.current.Store(-1)
	return l
}

// quantile returns the current quantile, and false while too few are known.
func (l *latencies) quantile() (time.Duration, bool) {
	d := l.current.Load()
	return time.Duration(d), d >= 0
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples[l.next] = d
	l.next = (l.next + 1) % latencySamples
	l.n = min(l.n+1, latencySamples)
	if l.n >= latencyFirst && l.next%latencyRenew == 0 {
		l.current.Store(int64(l.computeLocked()))
	}
}

// computeLocked returns the smallest latency that at least the wanted part of
// the samples does not exceed.
func (l *latencies) computeLocked() time.Duration {
	sorted := l.scratch[:copy(l.scratch[:], l.samples[:l.n])]
	slices.Sort(sorted)
	rank := (l.n*l.millionths + millions - 1) / millions // rounded up
	return sorted[max(rank, 1)-1]
}
