package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
)

// TestWhereOtherLimitersFail has a row for each probe that at least one known
// limiter fails. The name says which and how.
func TestWhereOtherLimitersFail(t *testing.T) {
	tests := []struct {
		name string
		f    func(t *testing.T)
	}{
		{"P20: failsafe-go bursty admits 200 in 10 ms at 100/s, go-limiter 299 in a second, uber 10 over", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(100), 100)
			time.Sleep(10*time.Second - 5*time.Millisecond) // just before an edge of windows that have one
			n := drain(l)
			time.Sleep(10 * time.Millisecond)
			assert.Equal(t, 101, n+drain(l))
			time.Sleep(time.Hour) // an idle spell is not banked
			n = drain(l)
			for range 100 {
				time.Sleep(10 * time.Millisecond)
				n += drain(l)
			}
			assert.Equal(t, 200, n)
		}},
		{"P21: x/time admits 20,000 of 20,000 with timestamps out of order", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(1000), 10)
			now, n := time.Now(), 0
			for range 10_000 {
				for _, at := range []time.Time{now, now.Add(-5 * time.Millisecond)} {
					if l.At(at).Allow(1) {
						n++
					}
				}
			}
			assert.Equal(t, 10, n)
		}},
		{"P22: x/time leaves a waiter an hour after the limit was raised", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerHour(1), 1)
			l.Allow()
			done, start := make(chan error), time.Now()
			go func() { done <- l.Wait(t.Context()) }()
			time.Sleep(time.Second)
			l.SetRate(ratelimit.PerSecond(1000))
			require.NoError(t, <-done)
			assert.Less(t, time.Since(start), 1002*time.Millisecond)
		}},
		{"P23: x/time keeps the slots of nine cancelled waiters, failsafe-go keeps their permits", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(1), 1)
			l.Allow()
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for range 9 {
				wg.Go(func() { assert.Equal(t, context.Canceled, l.Wait(ctx)) })
			}
			synctest.Wait()
			start, done := time.Now(), make(chan error)
			go func() { done <- l.Wait(t.Context()) }()
			synctest.Wait()
			cancel()
			require.NoError(t, <-done)
			assert.Equal(t, time.Second, time.Since(start))
			wg.Wait()
			require.NoError(t, l.Wait(t.Context()))
			assert.Equal(t, 2*time.Second, time.Since(start), "P23b: nor do later callers pay")
		}},
		{"P24: x/time refills the bucket with AllowN(-1000) and is unlimited with NaN", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerHour(1), 10)
			drain(l)
			assert.Panics(t, func() { l.AllowN(-1000) })
			assert.Zero(t, drain(l))
			assert.Panics(t, func() { ratelimit.PerSecond(nan()) })
		}},
		{"P24c: uber accepts 2e9/s and runs unlimited, failsafe-go divides by zero at first use", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(2_000_000_000), 1000)
			drain(l)
			time.Sleep(100 * time.Nanosecond)
			assert.Equal(t, 200, drain(l))
			assert.Panics(t, func() { ratelimit.PerSecond(1e13) })
			assert.Panics(t, func() { ratelimit.New(ratelimit.PerSecond(1), 0) })
		}},
		{"P28: waits at odd rates do not drift", func(t *testing.T) {
			for _, perSecond := range []float64{3, 7.3, 999.7} {
				l := ratelimit.New(ratelimit.PerSecond(perSecond), 1)
				start := time.Now()
				for range 20_001 {
					require.NoError(t, l.Wait(t.Context()))
				}
				assert.InDelta(t, 20_000/perSecond*1e9, float64(time.Since(start)), 2)
			}
		}},
		{"rueidislimiter burns the quota with a request that it rejects", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerHour(1), 50)
			assert.False(t, l.AllowN(100))
			assert.False(t, l.AllowN(51))
			assert.Equal(t, 50, drain(l))
		}},
		{"redis_rate charges the fraction of a partial grant", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(1), 5)
			l.AllowN(5)
			time.Sleep(2900 * time.Millisecond)
			assert.Equal(t, 2, l.TakeUpTo(5))
			time.Sleep(100 * time.Millisecond)
			assert.True(t, l.Allow(), "0.9 were left")
		}},
		{"x/time cannot cancel an immediate reservation a nanosecond later (cadence#6029)", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerHour(1), 1)
			r := l.Reserve(1)
			time.Sleep(time.Nanosecond)
			assert.True(t, r.Cancel())
			assert.True(t, l.Allow())
		}},
		{"failsafe-go takes a permit for a context that is done", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerHour(1), 1)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.Error(t, l.Wait(ctx))
			assert.True(t, l.Allow())
		}},
		{"x/time sleeps 292 years at rate 0", func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(0), 1)
			l.Allow()
			done := make(chan error)
			go func() { done <- l.Wait(t.Context()) }()
			time.Sleep(time.Hour)
			l.SetRate(ratelimit.Unlimited)
			require.NoError(t, <-done)
		}},
		{"n times one and one times n are the same", func(t *testing.T) {
			for _, r := range []ratelimit.Rate{ratelimit.PerSecond(3), ratelimit.PerSecond(999_983), ratelimit.PerSecond(7.3)} {
				one, many := ratelimit.New(r, 100), ratelimit.New(r, 100)
				for range 14 { // 98 of 100
					for range 7 {
						require.True(t, one.Allow())
					}
					require.True(t, many.AllowN(7))
					require.Equal(t, one.Take(0), many.Take(0))
					time.Sleep(time.Microsecond)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { bubble(t, tt.f) })
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestManyGoroutinesByTheWallClock(t *testing.T) { // P21b, P29
	for _, goroutines := range []int{2, 64, 500} {
		l := ratelimit.New(ratelimit.PerSecond(100_000), 1000)
		start := time.Now()
		var n atomic.Int64
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for time.Since(start) < 50*time.Millisecond {
					if l.Allow() {
						n.Add(1)
					} else {
						runtime.Gosched()
					}
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, float64(n.Load()), 1000+time.Since(start).Seconds()*100_000)
	}
}

func TestALimiterWorksInBubblesAndOutside(t *testing.T) {
	use := func(t *testing.T) {
		t.Helper()
		l := ratelimit.New(ratelimit.PerSecond(1000), 1)
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1000), 1)
		m := ratelimit.All(l, ratelimit.New(ratelimit.PerSecond(500), 1))
		for range 3 {
			require.NoError(t, l.Wait(t.Context()))
			require.NoError(t, k.Wait(t.Context(), 1))
			require.NoError(t, m.Wait(t.Context()))
		}
	}
	use(t)
	bubble(t, use)
	use(t)
	bubble(t, use)
}

func TestEventsAreCalledOutsideEveryLock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l *ratelimit.Limiter
		var log []string
		note := func(what string) func(ratelimit.Event) {
			return func(e ratelimit.Event) {
				l.SetBurst(1 + l.Burst()%2) // calls back
				log = append(log, fmt.Sprint(what, e.N, e.Waited, e.RetryAfter, e.Err != nil))
			}
		}
		l = ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.LongWait(time.Second), ratelimit.Counted(), ratelimit.On(ratelimit.Events{
			Rejected: note("rejected "), LongWait: note("long "), Denied: note("denied "),
		}))
		assert.True(t, l.Allow())
		assert.False(t, l.Allow())
		require.NoError(t, l.Wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.Error(t, l.Wait(ctx))
		assert.Zero(t, l.TakeUpTo(3))
		assert.Equal(t, []string{"denied 1 0s 1s false", "long 1 1s 0s false", "rejected 1 0s 1s true", "denied 1 0s 1s false"}, log)

		s := l.Stats()
		assert.Equal(t, ratelimit.Stats{
			Rate: ratelimit.PerSecond(1), Burst: l.Burst(), Tokens: 0, Granted: 2, GrantedTokens: 2, Denied: 2,
			Waits: 1, Rejected: 1, WaitTotal: time.Second, WaitMax: time.Second,
		}, s)
		plain := ratelimit.New(ratelimit.PerSecond(1), 1).Stats()
		assert.EqualValues(t, -1, plain.Granted)
		assert.EqualValues(t, -1, plain.Denied)
	})
}

// A callback that does not return must not take the tokens of the wait with it.
func TestACallbackThatEndsTheCallerLosesNoToken(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.LongWait(time.Second), ratelimit.On(ratelimit.Events{
					LongWait: func(ratelimit.Event) { end() },
				}))
				for _, wait := range []func(){
					func() { _ = l.WaitN(context.Background(), 2) },
					func() { _, _ = l.WaitReserve(context.Background(), 2) },
				} {
					l.SetTokens(1)
					require.False(t, testkit.Run(wait).Returned)
					assert.InDelta(t, 2, l.Tokens(), 0)
				}
			})
		})
	}
}
