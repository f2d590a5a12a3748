package semaphore_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// crowd has n goroutines wait for a permit, cancels every other one, serves the
// rest, and returns what one waiter costs: of the semaphore's own memory and
// with the goroutine.
func crowd(tb testing.TB, n int) (own, total float64) {
	tb.Helper()
	s := semaphore.New(1)
	require.True(tb, s.TryAcquire(1))
	ctx, cancel := context.WithCancel(tb.Context())
	patient := tb.Context()

	var from, to runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&from)
	var wg sync.WaitGroup
	var got, gone atomic.Int64
	for i := range n {
		wg.Go(func() {
			c := patient
			if i%2 == 0 {
				c = ctx
			}
			if s.Acquire(c, 1) != nil {
				gone.Add(1)
				return
			}
			got.Add(1)
			s.Release(1)
		})
	}
	for s.Waiting() < n {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.ReadMemStats(&to)
	total = float64(to.HeapAlloc+to.StackInuse-from.HeapAlloc-from.StackInuse) / float64(n)
	own = float64(to.HeapAlloc-from.HeapAlloc)/float64(n) - goroutine(n)

	cancel()
	for gone.Load() < int64((n+1)/2) {
		runtime.Gosched()
	}
	require.Equal(tb, n/2, s.Waiting())
	require.EqualValues(tb, 1, s.Held())
	s.Release(1)
	wg.Wait()
	assert.EqualValues(tb, n/2, got.Load(), "each of the others got it once")
	assert.Zero(tb, s.Held())
	return own, total
}

// goroutine returns the heap that a goroutine costs that waits in the same way
// without a semaphore: its closure, and what the context keeps for it.
func goroutine(n int) float64 {
	n = min(n, 10_000)
	var from, to runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&from)
	block, started, never := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			started <- struct{}{}
			select {
			case <-block:
			case <-never:
			}
		})
	}
	for range n {
		<-started
	}
	runtime.GC()
	runtime.ReadMemStats(&to)
	close(block)
	wg.Wait()
	return float64(to.HeapAlloc-from.HeapAlloc) / float64(n)
}

func TestACrowdOfWaitersIsServedAndCancelledWithoutLoss(t *testing.T) {
	n := 10_000
	if raceEnabled {
		n = 2000 // the detector bounds the number of goroutines
	}
	own, total := crowd(t, n)
	t.Logf("%d waiters: %.0f B each, %.0f B with the goroutine", n, own, total)
	if !raceEnabled {
		assert.Less(t, own, 400.0, "the doc comment of Semaphore states the figure")
	}
}

// BenchmarkMillionWaiters is the same with a million.
func BenchmarkMillionWaiters(b *testing.B) {
	for b.Loop() {
		own, total := crowd(b, 1_000_000)
		b.ReportMetric(own, "B/waiter")
		b.ReportMetric(total, "B/waiter+goroutine")
	}
}
