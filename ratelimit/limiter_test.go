package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
)

// bubble runs f in a synctest bubble.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// drain takes all tokens and returns how many there were.
func drain(l *ratelimit.Limiter) int {
	n := 0
	for l.Allow() {
		n++
	}
	return n
}

func TestABurstAtOnceThenTheRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 3)
		assert.Equal(t, 3, drain(l))
		time.Sleep(100*time.Millisecond - 1)
		assert.False(t, l.Allow(), "one nanosecond early")
		time.Sleep(time.Nanosecond)
		assert.True(t, l.Allow())
		assert.False(t, l.Allow())
		time.Sleep(time.Hour)
		assert.Equal(t, 3, drain(l), "never more than the burst")
	})
}

func TestDecisionsAreExact(t *testing.T) {
	rates := []ratelimit.Rate{
		ratelimit.PerSecond(3), ratelimit.PerSecond(999_983), ratelimit.PerSecond(10_000_000), ratelimit.PerSecond(7.3),
		ratelimit.PerDay(1), ratelimit.Per(500, time.Minute), ratelimit.PerSecond(299_999_977.7), ratelimit.PerDay(0.01),
		ratelimit.Every(37 * time.Nanosecond),
	}
	for _, r := range rates {
		for _, burst := range []int{1, 5, 1000} {
			if float64(burst)/r.PerSecond() > 1e8 {
				continue // centuries in all, more than a bubble's clock has
			}
			t.Run(fmt.Sprintf("rate=%v burst=%d", r, burst), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					l := ratelimit.New(r, burst)
					for range 50 {
						n := burst/2 + 1
						d := l.Take(n)
						for d.OK {
							d = l.Take(n)
						}
						require.Positive(t, d.RetryAfter)
						assert.Less(t, d.Remaining, n)
						time.Sleep(d.RetryAfter - 1)
						require.False(t, l.AllowN(n), "one nanosecond early")
						time.Sleep(time.Nanosecond)
						require.Equal(t, n, l.Take(0).Remaining)
						reset := l.Take(0).ResetAfter
						if reset > 0 {
							time.Sleep(reset - 1)
							require.Equal(t, time.Duration(1), l.Take(0).ResetAfter)
							time.Sleep(time.Nanosecond)
						}
						require.Equal(t, burst, l.Take(0).Remaining)
						require.Zero(t, l.Take(0).ResetAfter)
						require.True(t, l.AllowN(n))
					}
				})
			})
		}
	}
}

func TestTheLongRunRateIsExact(t *testing.T) {
	for _, perSecond := range []float64{1.0 / 86400, 0.1, 3, 7.3, 999.7, 1e5, 999_983, 1e6 + 1.0/3, 9_999_991, 1e7, 123_456_789.1} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := ratelimit.New(ratelimit.PerSecond(perSecond), 1000)
				start, total := time.Now(), 0
				l.TakeUpTo(1000)
				step := time.Duration(700 / perSecond * 1e9)
				for range min(3000, 100*365*24*time.Hour/step) {
					time.Sleep(step)
					total += l.TakeUpTo(1000)
				}
				want := time.Since(start).Seconds() * perSecond
				assert.LessOrEqual(t, float64(total), want*(1+1e-12)+1e-3)
				assert.GreaterOrEqual(t, float64(total), want*(1-1e-6)-1)
			})
		})
	}
}

func TestUnlimited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Unlimited, 1)
		for range 1000 {
			require.True(t, l.Allow())
			require.True(t, l.AllowN(1000))
			require.NoError(t, l.WaitN(t.Context(), 1000))
			require.True(t, l.Take(5).OK)
			require.Equal(t, 7, l.TakeUpTo(7))
			r := l.Reserve(9)
			require.True(t, r.OK())
			require.Zero(t, r.Delay())
		}
		l.SetRate(ratelimit.PerSecond(1))
		assert.Equal(t, 1, drain(l))
		done := make(chan error, 5)
		for range 5 {
			go func() { done <- l.Wait(t.Context()) }()
		}
		synctest.Wait()
		start := time.Now()
		l.SetRate(ratelimit.Unlimited)
		for range 5 {
			require.NoError(t, <-done)
		}
		assert.Equal(t, start, time.Now())
	})
}

func TestZeroTokens(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 1)
	l.Allow()
	assert.True(t, l.AllowN(0))
	assert.True(t, l.Take(0).OK)
	assert.Equal(t, 0, l.TakeUpTo(0))
	require.NoError(t, l.WaitN(t.Context(), 0))
	r := l.Reserve(0)
	assert.True(t, r.OK())
	assert.False(t, r.Cancel())
}

func TestMoreThanTheBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 5)
		assert.False(t, l.AllowN(6))
		assert.Equal(t, ratelimit.Never, l.Take(6).RetryAfter)
		assert.Equal(t, ratelimit.ErrExceedsBurst, l.WaitN(t.Context(), 6))
		assert.False(t, l.Reserve(6).OK())
		assert.False(t, l.AllowN(math.MaxInt))
		assert.Equal(t, ratelimit.ErrExceedsBurst, l.WaitN(t.Context(), math.MaxInt))
		assert.Equal(t, 5, l.TakeUpTo(math.MaxInt))
	})
}

func TestDebtGrantsMoreThanTheBurstFromAFullBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 5, ratelimit.Debt())
		require.True(t, l.AllowN(12))
		assert.InDelta(t, -7, l.Tokens(), 1e-9)
		d := l.Take(1)
		assert.Equal(t, 8*time.Second, d.RetryAfter)
		start := time.Now()
		require.NoError(t, l.WaitN(t.Context(), 100))
		assert.Equal(t, 12*time.Second, time.Since(start), "when the bucket is full")
		require.NoError(t, l.Wait(t.Context()))
		assert.Equal(t, 12*time.Second+96*time.Second, time.Since(start))
		assert.False(t, l.AllowN(math.MaxInt))
		r := l.Reserve(1 << 30)
		require.True(t, r.OK())
		require.True(t, r.Cancel())
		assert.InDelta(t, 0, l.Tokens(), 1e-6)
	})
}

func TestTheExtremesOfRateAndBurst(t *testing.T) {
	for _, r := range []ratelimit.Rate{
		ratelimit.PerSecond(1e12), ratelimit.PerSecond(1e9), ratelimit.PerSecond(123_456_789.123), ratelimit.PerSecond(1),
		ratelimit.PerDay(1), ratelimit.Every(200 * 365 * 24 * time.Hour), {},
	} {
		for _, debt := range [][]ratelimit.Option{nil, {ratelimit.Debt()}} {
			for _, burst := range []int{1, 1000, ratelimit.MaxBurst} {
				bubble(t, func(t *testing.T) {
					l := ratelimit.New(r, burst, debt...)
					require.Equal(t, burst, l.TakeUpTo(burst))
					require.InDelta(t, 0, l.Tokens(), 1e-6)
					for _, n := range []int{burst, ratelimit.MaxBurst, math.MaxInt} {
						for range 3 {
							res := l.Reserve(n)
							if res.OK() {
								require.GreaterOrEqual(t, res.Delay(), time.Duration(0))
								require.True(t, res.Cancel())
							}
							ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
							require.Error(t, l.WaitN(ctx, n))
							cancel()
							l.SetRate(ratelimit.PerSecond(1))
							l.SetRate(r)
						}
					}
					require.InDelta(t, 0, l.Tokens(), 1e-4)
					if d := l.Take(1); !d.OK && r != (ratelimit.Rate{}) && d.RetryAfter < 100*365*24*time.Hour {
						time.Sleep(d.RetryAfter - 1)
						require.False(t, l.Allow())
						time.Sleep(time.Nanosecond)
						require.True(t, l.Allow())
					}
				})
			}
		}
	}
}

func TestTakeUpToTakesWholeTokensAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		assert.Equal(t, 4, l.TakeUpTo(4))
		assert.Equal(t, 6, l.TakeUpTo(100))
		assert.Zero(t, l.TakeUpTo(1))
		time.Sleep(2500 * time.Millisecond)
		assert.Equal(t, 2, l.TakeUpTo(100))
		assert.InDelta(t, 0.5, l.Tokens(), 1e-9)
	})
}

func TestInitialTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.InitialTokens(3))
		assert.Equal(t, 3, drain(l))
		assert.Zero(t, drain(ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.InitialTokens(0))))
		assert.Equal(t, 10, drain(ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.InitialTokens(100))))
	})
}

func TestWarmUpRampsTheRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(300), 1, ratelimit.WarmUp(9*time.Second), ratelimit.InitialTokens(0))
		start := time.Now()
		count := func(until time.Duration) (n int) {
			for {
				ctx, cancel := context.WithDeadline(t.Context(), start.Add(until))
				err := l.Wait(ctx)
				cancel()
				if err != nil {
					time.Sleep(until - time.Since(start))
					return n
				}
				n++
			}
		}
		assert.InDelta(t, 300*(1.0/3+1.0/27), count(time.Second), 2)
		assert.InDelta(t, 300*(8.0/3+64.0/27-1.0/3-1.0/27), count(8*time.Second), 2)
		assert.InDelta(t, 300*(6-8.0/3-64.0/27), count(9*time.Second), 2)
		assert.InDelta(t, 300, count(10*time.Second), 2)
		assert.InDelta(t, 3000, count(20*time.Second), 2)
		d := l.Take(1)
		for d.OK {
			d = l.Take(1)
		}
		time.Sleep(d.RetryAfter - 1)
		require.False(t, l.Allow())
		time.Sleep(time.Nanosecond)
		require.True(t, l.Allow())
	})
}

func TestRetryAfterIsExactWhileWarmingUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(300), 1, ratelimit.WarmUp(time.Second))
		for range 400 {
			d := l.Take(1)
			if d.OK {
				continue
			}
			time.Sleep(d.RetryAfter - 1)
			require.False(t, l.Allow())
			time.Sleep(time.Nanosecond)
		}
	})
}

func TestCountedCountsEveryDecisionOnce(t *testing.T) {
	for _, opts := range [][]ratelimit.Option{
		{ratelimit.Counted()},
		{ratelimit.Counted(), ratelimit.WarmUp(time.Hour)}, // without the fast path
		{ratelimit.Counted(), ratelimit.On(ratelimit.Events{Denied: func(ratelimit.Event) {}})},
	} {
		bubble(t, func(t *testing.T) {
			l, ctx := ratelimit.New(ratelimit.PerHour(1), 40, opts...), t.Context()
			require.True(t, l.Allow())
			require.True(t, l.AllowN(2))
			require.True(t, l.Take(1).OK)
			require.Equal(t, 3, l.TakeUpTo(3))
			require.NoError(t, l.Wait(ctx))
			require.NoError(t, l.WaitN(ctx, 2))
			_, err := l.WaitToken(ctx)
			require.NoError(t, err)
			_, err = l.WaitReserve(ctx, 3)
			require.NoError(t, err)
			require.True(t, l.Reserve(4).OK())
			require.True(t, l.AllowN(l.TakeUpTo(0)))
			require.False(t, l.AllowN(39))
			require.False(t, l.Take(30).OK)
			s := l.Stats()
			assert.EqualValues(t, 11, s.Granted, "those of no tokens, too")
			assert.EqualValues(t, 18, s.GrantedTokens)
			assert.EqualValues(t, 2, s.Denied)

			require.Equal(t, 22, l.TakeUpTo(100))
			require.False(t, l.Allow())
			assert.Zero(t, l.TakeUpTo(1))
			require.NoError(t, l.Wait(ctx)) // from the queue
			s = l.Stats()
			assert.EqualValues(t, 13, s.Granted)
			assert.EqualValues(t, 41, s.GrantedTokens)
			assert.EqualValues(t, 4, s.Denied)

			require.True(t, l.Reserve(2).OK(), "for later")
			require.False(t, l.Reserve(41).OK())
			s = l.Stats()
			assert.EqualValues(t, 14, s.Granted)
			assert.EqualValues(t, 43, s.GrantedTokens)
			assert.EqualValues(t, 5, s.Denied)
		})
	}
	s := ratelimit.New(ratelimit.PerHour(1), 1).Stats()
	assert.EqualValues(t, []int64{-1, -1, -1}, []int64{s.Granted, s.GrantedTokens, s.Denied}, "not counted")
}

func TestStatsCountHowWaitsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWaiters(3))
		require.NoError(t, l.Wait(t.Context()))
		start := time.Now()
		served := waits(t, start, 0, l.Wait)
		short, cancel := context.WithCancel(t.Context())
		left := waits(t, start, 0, func(context.Context) error { return l.Wait(short) })
		repriced := waits(t, start, 20*time.Second, l.Wait)
		require.Equal(t, ratelimit.ErrQueueFull, l.Wait(t.Context()))
		time.Sleep(500 * time.Millisecond)
		cancel()
		synctest.Wait()
		require.Equal(t, context.Canceled, left.err)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		require.NoError(t, served.err)
		l.SetRate(ratelimit.PerMinute(1))
		synctest.Wait()
		require.ErrorIs(t, repriced.err, ratelimit.ErrWouldExceedDeadline)
		s := l.Stats()
		assert.EqualValues(t, 3, s.Waits)
		assert.EqualValues(t, 2, s.Rejected)
		assert.EqualValues(t, 1, s.Cancelled)
		assert.Equal(t, 2500*time.Millisecond, s.WaitTotal)
		assert.Equal(t, time.Second, s.WaitMax)
	})
}

func TestDoSpendsATokenAndLetsPanicsPass(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 3)
	boom := errors.New("boom")
	assert.Equal(t, boom, l.Do(t.Context(), func(context.Context) error { return boom }))
	end := testkit.Run(func() { _ = l.Do(context.Background(), func(context.Context) error { panic("x") }) })
	assert.Equal(t, "x", end.Value)
	v, err := ratelimit.Do(t.Context(), l, func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	assert.Equal(t, 7, v)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = ratelimit.Do(ctx, l, func(context.Context) (int, error) { panic("not reached") })
	require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
}

func TestBadInputIsRefusedWithTheFix(t *testing.T) {
	l := ratelimit.New(ratelimit.PerSecond(1), 1)
	tests := []struct {
		name, want string
		f          func()
	}{
		{"burst 0", "burst must be between 1 and 274877906944, got 0", func() { ratelimit.New(ratelimit.PerSecond(1), 0) }},
		{"burst huge", "burst must be between 1", func() { ratelimit.New(ratelimit.PerSecond(1), math.MaxInt) }},
		{"set burst", "got -1", func() { l.SetBurst(-1) }},
		{"negative n", "n must be at least 0, got -100", func() { l.AllowN(-100) }}, // P24
		{"negative wait", "got -1", func() { _ = l.WaitN(context.Background(), -1) }},
		{"negative take", "got -1", func() { l.Take(-1) }},
		{"negative take up to", "got -1", func() { l.TakeUpTo(-1) }},
		{"negative reserve", "got -1", func() { l.Reserve(-1) }},
		{"NaN", "PerSecond must be between 0 and 1e12 a second, got NaN; for no limit use Unlimited", func() { ratelimit.PerSecond(math.NaN()) }}, // P24b
		{"Inf", "got +Inf", func() { ratelimit.PerMinute(math.Inf(1)) }},
		{"negative rate", "PerHour must be between 0 and 1e12 a second, got -1", func() { ratelimit.PerHour(-1) }},
		{"too slow", "one in 292 years", func() { ratelimit.PerDay(1e-9) }},
		{"period", "the period of Per must be positive, got 0s", func() { ratelimit.Per(1, 0) }},
		{"interval", "the interval of Every must be positive, got -1ns", func() { ratelimit.Every(-1) }},
		{"waiters", "MaxWaiters must be at least 0, got -1", func() { ratelimit.MaxWaiters(-1) }},
		{"max wait", "MaxWait must be positive, got 0s", func() { ratelimit.MaxWait(0) }},
		{"initial", "InitialTokens must be at least 0, got -1", func() { ratelimit.InitialTokens(-1) }},
		{"warm-up", "WarmUp must be positive", func() { ratelimit.WarmUp(0) }},
		{"long wait", "LongWait must be positive, got 0s", func() { ratelimit.LongWait(0) }},
		{"observe", "remaining must be at least 0, got -1", func() { l.Observe(-1, 0) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := testkit.Run(tt.f)
			require.True(t, end.Panicked)
			assert.Contains(t, end.Value, "ratelimit: ")
			assert.Contains(t, end.Value, tt.want)
		})
	}
	assert.True(t, l.Allow(), "nothing was changed")
}

func TestRatesReadAsTheyWereMeant(t *testing.T) {
	tests := []struct {
		rate ratelimit.Rate
		want string
	}{
		{ratelimit.PerSecond(100), "100/s"},
		{ratelimit.PerSecond(7.5), "7.5/s"},
		{ratelimit.PerSecond(0.1), "1/10s"},
		{ratelimit.PerMinute(60), "60/min"},
		{ratelimit.PerHour(uint8(3)), "3/h"},
		{ratelimit.PerDay(int64(10_000)), "10000/day"},
		{ratelimit.Per(500, 90*time.Second), "500/1m30s"},
		{ratelimit.Every(10 * time.Millisecond), "1/10ms"},
		{ratelimit.Unlimited, "unlimited"},
		{ratelimit.PerSecond(0), "paused"},
		{ratelimit.Rate{}, "paused"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.rate.String())
	}
	assert.InDelta(t, 7.5, ratelimit.PerSecond(7.5).PerSecond(), 0)
	assert.True(t, math.IsInf(ratelimit.Unlimited.PerSecond(), 1))
	assert.Equal(t, ratelimit.PerSecond(2), ratelimit.PerSecond(2.0))
}
