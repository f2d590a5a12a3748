package ratelimit_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/ratelimit"
)

func TestRaisingTheRateWakesWaiters(t *testing.T) { // P22
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerHour(1), 1)
		l.Allow()
		start, done := time.Now(), make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		time.Sleep(time.Second)
		l.SetRate(ratelimit.PerSecond(1000))
		require.NoError(t, <-done)
		// 1/3600 of a token was there: the rest comes at the new rate.
		assert.InDelta(t, float64(time.Second+time.Millisecond), float64(time.Since(start)), float64(time.Microsecond))
	})
}

func TestLoweringTheRateBindsWaiters(t *testing.T) { // P22b
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1000), 1)
		l.Allow()
		var served atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if l.Wait(ctx) == nil {
					served.Add(1)
				}
			})
		}
		synctest.Wait()
		l.SetRate(ratelimit.PerSecond(1))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, 10, served.Load())
		cancel()
		wg.Wait()
		assert.InDelta(t, 0, l.Tokens(), 1e-6)
	})
}

func TestSetRateFailsWaitersThatCannotMakeItAndFreesTheirSlots(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1)
		l.Allow()
		results := make([]error, 10)
		at := make([]time.Duration, 10)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				ctx := t.Context()
				if i%2 == 0 { // the even ones have little time
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 15*time.Second)
					defer cancel()
				}
				results[i] = l.Wait(ctx)
				at[i] = time.Since(start)
			})
			synctest.Wait()
		}
		l.SetRate(ratelimit.Every(10 * time.Second))
		synctest.Wait()
		assert.Equal(t, 6, l.Waiting(), "0 makes it at 10 s; 2, 4, 6 and 8 do not")
		wg.Wait()
		n := 0
		for i := range 10 {
			if i > 0 && i%2 == 0 {
				require.ErrorIs(t, results[i], ratelimit.ErrWouldExceedDeadline)
				assert.Zero(t, at[i], "at once")
				continue
			}
			n++
			require.NoError(t, results[i])
			assert.Equal(t, time.Duration(n)*10*time.Second, at[i])
		}
	})
}

func TestPausedGrantsWhatIsThereAndWaitsForSetRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(0), 2)
		assert.Equal(t, 2, drain(l))
		d := l.Take(1)
		assert.Equal(t, ratelimit.Never, d.RetryAfter)
		assert.Equal(t, ratelimit.Never, d.ResetAfter)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := l.Wait(ctx)
		require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
		_, known := rejection.After(err)
		assert.False(t, known)
		assert.False(t, l.Reserve(1).OK())

		done := make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		time.Sleep(1000 * time.Hour)
		assert.Equal(t, 1, l.Waiting())
		l.SetRate(ratelimit.PerSecond(1))
		start := time.Now()
		require.NoError(t, <-done)
		assert.Equal(t, time.Second, time.Since(start))
		l.SetRate(ratelimit.Rate{})
		time.Sleep(time.Hour)
		assert.False(t, l.Allow())
	})
}

func TestSetBurstKeepsTheTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		l.AllowN(4)
		l.SetBurst(100)
		assert.InDelta(t, 6, l.Tokens(), 1e-9)
		l.SetBurst(3)
		assert.InDelta(t, 3, l.Tokens(), 1e-9)
		l.SetBurst(100)
		assert.InDelta(t, 3, l.Tokens(), 1e-9)
		assert.Equal(t, 100, l.Burst())
	})
}

func TestSetBurstFailsWaitersThatAskForMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		l.AllowN(10)
		big, small := make(chan error), make(chan error)
		start := time.Now()
		go func() { big <- l.WaitN(t.Context(), 8) }()
		synctest.Wait()
		go func() { small <- l.WaitN(t.Context(), 3) }()
		synctest.Wait()
		l.SetBurst(5)
		assert.Equal(t, ratelimit.ErrExceedsBurst, <-big)
		require.NoError(t, <-small)
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestSetTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(2), 10)
		for _, n := range []float64{0, 3.5, 10, 0.25, -5, -1e6} {
			l.SetTokens(n)
			assert.InDelta(t, n, l.Tokens(), 1e-6)
		}
		l.SetTokens(1e300)
		assert.InDelta(t, 10, l.Tokens(), 1e-9)
		l.SetTokens(-10)
		start, done := time.Now(), make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		time.Sleep(time.Second)
		l.SetTokens(0)
		require.NoError(t, <-done)
		assert.Equal(t, 1500*time.Millisecond, time.Since(start))
		assert.Panics(t, func() { l.SetTokens(math.NaN()) })
	})
}

func TestObserveOnlyTakesAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 100)
		l.Observe(40, time.Second)
		assert.InDelta(t, 40, l.Tokens(), 1e-9)
		l.Observe(90, time.Second)
		assert.InDelta(t, 40, l.Tokens(), 1e-9)
		l.Observe(0, 30*time.Second)
		d := l.Take(1)
		assert.Equal(t, 30*time.Second, d.RetryAfter)
		l.Observe(0, time.Second)
		assert.Equal(t, 30*time.Second, l.Take(1).RetryAfter)
		start := time.Now()
		require.NoError(t, l.Wait(t.Context()))
		assert.Equal(t, 30*time.Second, time.Since(start))

		big := ratelimit.New(ratelimit.PerSecond(10), 100) // full again after 10 s
		for _, reset := range []time.Duration{99 * time.Millisecond, 100 * time.Millisecond, 101 * time.Millisecond, 15 * time.Second} {
			big.SetTokens(100)
			big.Observe(0, reset)
			assert.Equal(t, max(reset, 100*time.Millisecond), big.Take(1).RetryAfter)
			time.Sleep(15 * time.Second)
		}

		fast := ratelimit.New(ratelimit.PerSecond(1e9), 1000)
		fast.Observe(0, 24*time.Hour)
		assert.False(t, fast.Allow())
		time.Sleep(24*time.Hour - 1)
		assert.Equal(t, time.Duration(1), fast.Take(1).RetryAfter)
		time.Sleep(time.Nanosecond)
		assert.True(t, fast.Allow())
		assert.False(t, fast.Allow())
	})
}

func TestObserveFollowsAServerWhereTheRateIsAboveAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		free := ratelimit.New(ratelimit.Unlimited, 1)
		free.Observe(0, time.Minute)
		assert.True(t, free.Allow(), "it has no tokens to take away")
		fast := ratelimit.New(ratelimit.PerSecond(1e6), 100)
		fast.Observe(0, time.Minute)
		assert.Equal(t, time.Minute, fast.Take(1).RetryAfter)
		fast.SetRate(ratelimit.PerSecond(1e7)) // as an Adaptive does
		assert.Equal(t, time.Minute, fast.Take(1).RetryAfter, "the server wants to be left alone still")
	})
}
