package ratelimit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// server refuses what is above its own limit, which it may change.
type server struct{ limit *ratelimit.Limiter }

type tooMany struct{ after time.Duration }

func (tooMany) Error() string               { return "429" }
func (e tooMany) RetryAfter() time.Duration { return e.after }

func (s *server) call(context.Context) error {
	time.Sleep(20 * time.Millisecond)
	if d := s.limit.Take(1); !d.OK {
		return tooMany{d.RetryAfter}
	}
	return nil
}

// work calls the server for d and returns how many calls went well a second, and
// which part was refused.
func work(t *testing.T, a *ratelimit.Adaptive, s *server, d time.Duration) (rate, refused float64) {
	t.Helper()
	good, bad := 0.0, 0.0
	for start := time.Now(); time.Since(start) < d; {
		if a.Do(t.Context(), s.call) == nil {
			good++
		} else {
			bad++
		}
	}
	return good / d.Seconds(), bad / (good + bad)
}

func TestAdaptiveFindsAHiddenLimitAndItsRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{ratelimit.New(ratelimit.PerSecond(20), 5)}
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(45))
		work(t, a, s, 20*time.Second)
		rate, refused := work(t, a, s, 2*time.Minute)
		assert.Greater(t, rate, 15.0)
		assert.Less(t, refused, 0.05)

		s.limit.SetRate(ratelimit.PerSecond(5))
		work(t, a, s, 20*time.Second)
		rate, refused = work(t, a, s, 2*time.Minute)
		assert.Greater(t, rate, 3.5)
		assert.Less(t, refused, 0.1)

		s.limit.SetRate(ratelimit.PerSecond(40))
		work(t, a, s, time.Minute)
		rate, _ = work(t, a, s, 2*time.Minute)
		assert.Greater(t, rate, 28.0)
	})
}

func TestAdaptiveStaysBetweenItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(2), ratelimit.PerSecond(50), ratelimit.Growth(ratelimit.PerSecond(5)))
		assert.Equal(t, ratelimit.PerSecond(2), a.Rate())
		for range 1000 {
			require.NoError(t, a.Wait(t.Context()))
			a.Success()
		}
		assert.InDelta(t, 50, a.Rate().PerSecond(), 1e-9)
		for range 100 {
			a.Throttled(0)
			time.Sleep(2 * time.Second)
		}
		assert.InDelta(t, 2, a.Rate().PerSecond(), 1e-9)
	})
}

func TestARetryAfterIsAFloorAndNoSecondCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(10), ratelimit.PerSecond(100), ratelimit.AdaptiveBurst(5))
		for a.Rate().PerSecond() < 100 {
			require.NoError(t, a.Wait(t.Context()))
			a.Success()
		}
		start := time.Now()
		for range 20 { // the answers to what was under way
			a.Throttled(2 * time.Second)
		}
		assert.InDelta(t, 70, a.Rate().PerSecond(), 1e-6, "one cut")
		require.NoError(t, a.Wait(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.False(t, a.Allow(), "and no burst after it")
	})
}

func TestAdaptiveLearnsFromTheErrorsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("slow down")
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(10),
			ratelimit.AdaptiveBurst(10), ratelimit.Backoff(0.5), ratelimit.Settle(0),
			ratelimit.ThrottledBy(func(err error) (time.Duration, bool) { return 0, errors.Is(err, mine) }))
		for a.Rate().PerSecond() < 10 {
			require.NoError(t, a.Do(t.Context(), func(context.Context) error { return nil }))
		}
		require.Error(t, a.Do(t.Context(), func(context.Context) error { return errors.New("other") }))
		assert.InDelta(t, 10, a.Rate().PerSecond(), 1e-9)
		_, err := ratelimit.Do(t.Context(), a, func(context.Context) (int, error) { return 0, mine })
		assert.Equal(t, mine, err)
		assert.InDelta(t, 5, a.Rate().PerSecond(), 1e-9)
	})
}

func TestAdaptiveRefusesBadInput(t *testing.T) {
	one, two := ratelimit.PerSecond(1), ratelimit.PerSecond(2)
	for _, f := range []func(){
		func() { ratelimit.NewAdaptive(two, one) },
		func() { ratelimit.NewAdaptive(one, one) },
		func() { ratelimit.NewAdaptive(ratelimit.Rate{}, one) },
		func() { ratelimit.NewAdaptive(one, ratelimit.Unlimited) },
		func() { ratelimit.Growth(ratelimit.Rate{}) },
		func() { ratelimit.Backoff(1) },
		func() { ratelimit.Settle(-1) },
		func() { ratelimit.ThrottledBy(nil) },
		func() { ratelimit.AdaptiveBurst(0) },
	} {
		assert.Panics(t, f)
	}
}

func TestTheBurstAndTheSettlingTimeOfAnAdaptive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(100), ratelimit.AdaptiveBurst(7), ratelimit.Settle(3*time.Second))
		assert.Equal(t, 7, a.Take(0).Remaining)
		assert.Equal(t, 7, a.Stats().Burst)
		time.Sleep(time.Second)
		for a.Rate().PerSecond() < 100 {
			time.Sleep(time.Second / 4)
			a.Success()
		}
		cuts, last := 0, a.Rate()
		for range 12 { // one each second
			a.Throttled(0)
			if a.Rate() != last {
				cuts, last = cuts+1, a.Rate()
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, 4, cuts, "no other for 3 s after each")
	})
}

func TestAnAdaptiveGrowsByTimeAndNotByCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(100))
		for range 1000 {
			a.Success()
		}
		assert.Equal(t, ratelimit.PerSecond(1), a.Rate())
		time.Sleep(time.Hour)
		a.Success()
		assert.InDelta(t, 1.25, a.Rate().PerSecond(), 1e-9, "a pause counts for a quarter of a second")
	})
}
