package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

// baseline is the bucket that everybody writes first: a mutex and a float.
type baseline struct {
	mu     sync.Mutex
	rate   float64
	burst  float64
	tokens float64
	last   time.Time
}

func newBaseline(rate, burst float64) *baseline {
	return &baseline{rate: rate, burst: burst, tokens: burst, last: time.Now()}
}

func (b *baseline) Allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func allowers() map[string]func() bool {
	denied := ratelimit.New(ratelimit.PerHour(1), 1)
	denied.Allow()
	none := newBaseline(1.0/3600, 1)
	none.Allow()
	return map[string]func() bool{
		"impl=mutex case=granted":        newBaseline(1e9, 1<<30).Allow,
		"impl=weir case=granted":         ratelimit.New(ratelimit.PerSecond(1e9), 1<<30).Allow,
		"impl=weir-counted case=granted": ratelimit.New(ratelimit.PerSecond(1e9), 1<<30, ratelimit.Counted()).Allow,
		"impl=mutex case=denied":         none.Allow,
		"impl=weir case=denied":          denied.Allow,
	}
}

func BenchmarkAllow(b *testing.B) {
	for name, allow := range allowers() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				allow()
			}
		})
	}
}

func BenchmarkAllowParallel(b *testing.B) {
	for name, allow := range allowers() {
		for _, procs := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s goroutines=%d", name, procs), func(b *testing.B) {
				b.SetParallelism(procs)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						allow()
					}
				})
			})
		}
	}
}

func BenchmarkWait(b *testing.B) {
	l := ratelimit.New(ratelimit.PerSecond(1e9), 1<<30)
	b.Run("case=tokens there", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			_ = l.Wait(ctx)
		}
	})
	var kept struct {
		ratelimit.Token
		ratelimit.Reservation
	}
	b.Run("case=tokens there, as a Token", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			kept.Token, _ = l.WaitToken(ctx)
		}
	})
	b.Run("case=tokens there, as a Reservation", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			kept.Reservation, _ = l.WaitReserve(ctx, 1)
		}
	})
}

func BenchmarkSetRate(b *testing.B) {
	for _, bounded := range []bool{false, true} {
		for _, n := range []int{0, 100_000} {
			b.Run(fmt.Sprintf("waiters=%d deadline=%v", n, bounded), func(b *testing.B) {
				l := ratelimit.New(ratelimit.PerHour(1), 1)
				l.Allow()
				ctx, cancel := context.WithCancel(b.Context())
				if bounded {
					ctx, cancel = context.WithDeadline(ctx, time.Now().Add(1_000_000*time.Hour))
				}
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() { _ = l.Wait(ctx) })
				}
				for l.Waiting() < n {
					runtime.Gosched()
				}
				for i := 0; b.Loop(); i++ {
					l.SetRate(ratelimit.PerHour(1 + i%3))
				}
				cancel()
				wg.Wait()
			})
		}
	}
}
