package ratelimit_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// TestCallersAtOnceGetTheWholeBurst: as many callers as there are tokens all get
// one, although some of them are overtaken between their look at the clock and
// their look at the bucket.
func TestCallersAtOnceGetTheWholeBurst(t *testing.T) {
	const burst = 2
	type limiter interface {
		Allow() bool
		AllowN(n int) bool
		Take(n int) ratelimit.Decision
	}
	one := func() limiter { return ratelimit.New(ratelimit.PerDay(1), burst) }
	tests := []struct {
		name string
		make func() func() bool
	}{
		{"Allow", func() func() bool { return one().Allow }},
		{"AllowN", func() func() bool { l := one(); return func() bool { return l.AllowN(1) } }},
		{"Take", func() func() bool { l := one(); return func() bool { return l.Take(1).OK } }},
		{"TakeUpTo", func() func() bool {
			l := ratelimit.New(ratelimit.PerDay(1), burst)
			return func() bool { return l.TakeUpTo(1) == 1 }
		}},
		{"Wait without a queue", func() func() bool {
			l := ratelimit.New(ratelimit.PerDay(1), burst, ratelimit.MaxWaiters(0))
			return func() bool { return l.Wait(context.Background()) == nil }
		}},
		{"Counted", func() func() bool { return ratelimit.New(ratelimit.PerDay(1), burst, ratelimit.Counted()).Allow }},
		{"Keyed", func() func() bool {
			k := ratelimit.NewKeyed[string](ratelimit.PerDay(1), burst)
			return func() bool { return k.Allow("key") }
		}},
		{"All", func() func() bool {
			return ratelimit.All(ratelimit.New(ratelimit.PerDay(1), burst), ratelimit.New(ratelimit.PerHour(1), burst)).Allow
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2000 {
				allow := tt.make()
				var ready, granted atomic.Int64
				var wg sync.WaitGroup
				for range burst {
					wg.Go(func() {
						for ready.Add(1); ready.Load() < burst; { // they start in the same moment
							runtime.Gosched()
						}
						if allow() {
							granted.Add(1)
						}
					})
				}
				wg.Wait()
				require.EqualValues(t, burst, granted.Load())
			}
		})
	}
}
