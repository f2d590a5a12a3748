package semaphore_test

import (
	"context"
	"fmt"
	"sync"
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
				ctx := b.Context()
				b.ReportAllocs()
				var wg sync.WaitGroup
				each := b.N/g.goroutines + 1
				for range g.goroutines {
					wg.Go(func() {
						for range each {
							_ = c.s.Acquire(ctx, 1)
							for i := range 20 {
								_ = i
							}
							c.s.Release(1)
						}
					})
				}
				wg.Wait()
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
