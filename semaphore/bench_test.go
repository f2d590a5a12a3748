package semaphore_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirkit/weir/semaphore"
)

// sem is what the baselines share with ours.
type sem interface {
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}

type channel chan struct{}

func (c channel) Acquire(ctx context.Context, _ int64) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c channel) Release(int64) { <-c }

type mutex struct{ sync.Mutex }

func (m *mutex) Acquire(context.Context, int64) error { m.Lock(); return nil }
func (m *mutex) Release(int64)                        { m.Unlock() }

func BenchmarkUncontended(b *testing.B) {
	for _, c := range []struct {
		name string
		s    sem
	}{
		{"mutex", &mutex{}},
		{"channel", make(channel, 10)},
		{"weir", semaphore.New(10)},
		{"weir-fifo", semaphore.New(10, semaphore.FIFO())},
		{"weir-counted", semaphore.New(10, semaphore.Counted())},
	} {
		b.Run("impl="+c.name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				_ = c.s.Acquire(ctx, 1)
				c.s.Release(1)
			}
		})
	}
}

func BenchmarkTwoCoresFree(b *testing.B) {
	for _, c := range []struct {
		name string
		s    sem
	}{
		{"mutex", &mutex{}},
		{"channel", make(channel, 1000)},
		{"weir", semaphore.New(1000)},
	} {
		b.Run("impl="+c.name, func(b *testing.B) {
			ctx := b.Context()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = c.s.Acquire(ctx, 1)
					c.s.Release(1)
				}
			})
		})
	}
}

// BenchmarkContended also reports fairness: the most acquisitions of one
// goroutine in proportion to the fewest. Run it for a second or more
// (-benchtime 2s), since the scheduler's own slices dominate shorter runs.
func BenchmarkContended(b *testing.B) {
	for _, g := range []struct{ goroutines, permits int }{{8, 2}, {64, 4}} {
		for _, c := range []struct {
			name string
			s    sem
		}{
			{"channel", make(channel, g.permits)},
			{"weir", semaphore.New(int64(g.permits))},
			{"weir-fifo", semaphore.New(int64(g.permits), semaphore.FIFO())},
		} {
			b.Run(fmt.Sprintf("goroutines=%d/permits=%d/impl=%s", g.goroutines, g.permits, c.name), func(b *testing.B) {
				b.ReportAllocs()
				counts := make([]struct {
					n int64
					_ [120]byte
				}, g.goroutines)
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				for i := range counts {
					wg.Go(func() {
						for left.Add(-64) > -64 { // in small lots, so that nobody is done early
							for range 64 {
								_ = c.s.Acquire(b.Context(), 1)
								for i := range 20 {
									_ = i
								}
								c.s.Release(1)
							}
							counts[i].n++
						}
					})
				}
				wg.Wait()
				most, fewest := counts[0].n, counts[0].n
				for i := range counts {
					most, fewest = max(most, counts[i].n), min(fewest, counts[i].n)
				}
				b.ReportMetric(float64(most)/float64(max(fewest, 1)), "max/min")
			})
		}
	}
}

func BenchmarkFullTryAcquire(b *testing.B) {
	s := semaphore.New(1)
	s.TryAcquire(1)
	for b.Loop() {
		s.TryAcquire(1)
	}
}

// BenchmarkWays has the other ways to hold a permit beside Acquire and Release.
func BenchmarkWays(b *testing.B) {
	s := semaphore.New(10)
	k := semaphore.NewKeyed[string](10)
	a := semaphore.NewAdaptive(10, 10)
	fn := func(context.Context) error { return nil }
	for _, c := range []struct {
		name string
		do   func(ctx context.Context)
	}{
		{"Acquire", func(ctx context.Context) { _ = s.Acquire(ctx, 1); s.Release(1) }},
		{"AcquirePriority", func(ctx context.Context) { _ = s.AcquirePriority(ctx, 1, 5); s.Release(1) }},
		{"TryAcquire", func(context.Context) { s.TryAcquire(1); s.Release(1) }},
		{"Do", func(ctx context.Context) { _ = s.Do(ctx, fn) }},
		{"Permit", func(ctx context.Context) { p, _ := s.Permit(ctx, 1); p.Release() }},
		{"AcquireAll", func(ctx context.Context) { n, _ := s.AcquireAll(ctx); s.Release(n) }},
		{"Keyed", func(ctx context.Context) { _ = k.Acquire(ctx, "a.example", 1); k.Release("a.example", 1) }},
		{"Adaptive", func(ctx context.Context) { _ = a.Do(ctx, fn) }},
	} {
		b.Run("way="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(b.Context())
			}
		})
	}
}

// BenchmarkHandOver passes one permit between two goroutines, so that every
// acquisition waits. A channel that is sent back and forth is the floor.
func BenchmarkHandOver(b *testing.B) {
	for _, c := range []struct {
		name string
		s    sem
	}{
		{"channel", make(channel, 1)},
		{"weir", semaphore.New(1)},
		{"weir-fifo", semaphore.New(1, semaphore.FIFO())},
	} {
		b.Run("impl="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range b.N / 2 {
						_ = c.s.Acquire(b.Context(), 1)
						runtime.Gosched() // the other one comes meanwhile
						c.s.Release(1)
					}
				})
			}
			wg.Wait()
		})
	}
}
