package semaphore_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

func TestWithoutWaitingNothingIsAllocated(t *testing.T) {
	s := semaphore.New(10)
	counted := semaphore.New(10, semaphore.Counted())
	fifo := semaphore.New(10, semaphore.FIFO())
	full := semaphore.New(1)
	require.True(t, full.TryAcquire(1))
	w := semaphore.NewWeighted(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fn := func(context.Context) error { return nil }
	typed := func(context.Context) (int, error) { return 1, nil }
	for name, do := range map[string]func(){
		"Acquire":           func() { _ = s.Acquire(ctx, 1); s.Release(1) },
		"Acquire, counted":  func() { _ = counted.Acquire(ctx, 1); counted.Release(1) },
		"Acquire, FIFO":     func() { _ = fifo.Acquire(ctx, 1); fifo.Release(1) },
		"AcquirePriority":   func() { _ = s.AcquirePriority(ctx, 1, 5); s.Release(1) },
		"TryAcquire":        func() { s.TryAcquire(1); s.Release(1) },
		"TryAcquire, full":  func() { full.TryAcquire(1) },
		"AcquireAll":        func() { n, _ := s.AcquireAll(ctx); s.Release(n) },
		"TryAcquireAll":     func() { n, _ := s.TryAcquireAll(); s.Release(n) },
		"Do":                func() { _ = s.Do(ctx, fn) },
		"Do[T]":             func() { _, _ = semaphore.Do(ctx, s, typed) },
		"Weighted":          func() { _ = w.Acquire(ctx, 3); w.Release(3) },
		"too large":         func() { _ = s.Acquire(ctx, 11) },
		"Stats":             func() { _ = s.Stats() },
		"SetLimit, no news": func() { s.SetLimit(10) },
	} {
		assert.Zero(t, testing.AllocsPerRun(200, do), name)
	}
}

func TestSetLimitAllocatesNothing(t *testing.T) {
	s := semaphore.New(10)
	limit := int64(10)
	assert.Zero(t, testing.AllocsPerRun(200, func() {
		limit ^= 1
		s.SetLimit(limit)
		require.True(t, s.TryAcquire(1))
		s.Release(1)
	}))
}

func TestAPermitCostsOneAllocation(t *testing.T) {
	s := semaphore.New(10)
	assert.InDelta(t, 1, testing.AllocsPerRun(200, func() {
		p, _ := s.Permit(t.Context(), 1)
		p.Release()
	}), 0)
}

// TestWaitingAllocatesNothingInTheSteadyState passes one permit between two
// goroutines, each of which waits for it every time.
func TestWaitingAllocatesNothingInTheSteadyState(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops entries at random")
	}
	for name, opts := range map[string][]semaphore.Option{
		"default":    nil,
		"fifo":       {semaphore.FIFO()},
		"maxwait":    {semaphore.MaxWait(1 << 40)},
		"priorities": {semaphore.FIFO(), semaphore.Aging(1 << 40)},
	} {
		t.Run(name, func(t *testing.T) {
			s := semaphore.New(1, opts...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			const rounds = 8_000
			pass := func() {
				var wg sync.WaitGroup
				for g := range 3 {
					wg.Go(func() {
						for i := range rounds {
							prio := 0
							if name == "priorities" {
								prio = g + i%5
							}
							if s.AcquirePriority(ctx, 1, prio) != nil {
								return
							}
							runtime.Gosched() // somebody comes meanwhile
							s.Release(1)
						}
					})
				}
				wg.Wait()
			}
			pass() // fills the pool
			before := s.Stats().Waits
			var from, to runtime.MemStats
			runtime.ReadMemStats(&from)
			pass()
			runtime.ReadMemStats(&to)
			waits := s.Stats().Waits - before
			require.Greater(t, waits, int64(rounds), "the test is about waiting")
			assert.Less(t, to.Mallocs-from.Mallocs, uint64(waits/100), "mallocs of %d waits", waits)
		})
	}
}
