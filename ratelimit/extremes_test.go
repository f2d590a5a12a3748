package ratelimit_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestATimeOfAnyYearCanBeAskedFor(t *testing.T) {
	for _, years := range []int{100, 291, 292, 293, 1000, 100_000} {
		bubble(t, func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerDay(1), 3)
			require.True(t, l.AllowN(3))
			far := time.Now().AddDate(years, 0, 0)
			assert.Equal(t, 3, l.At(far).Take(0).Remaining, "%d years", years)
			for range 3 {
				require.True(t, l.At(far).Allow(1))
			}
			assert.False(t, l.At(far).Allow(1))
			r := l.At(far).Reserve(1)
			r.Cancel()
			l.At(far).SetRate(ratelimit.PerSecond(1))
			l.At(far).SetBurst(2)
			l.At(far).SetTokens(1)
			assert.True(t, l.At(far).Allow(1))
			assert.False(t, l.At(far).Allow(1))
		})
	}
}

func TestATimeOfLongAgoMintsNothing(t *testing.T) {
	for _, years := range []int{1, 100, 291, 292, 293, 1000, 100_000} {
		bubble(t, func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerDay(1), 3, ratelimit.MaxWait(time.Hour))
			time.Sleep(time.Minute)
			l.SetRate(ratelimit.PerHour(1)) // what it counts from is no longer its beginning
			require.True(t, l.AllowN(3))
			long := l.At(time.Now().AddDate(-years, 0, 0))
			assert.False(t, long.Allow(1), "%d years", years)
			d := long.Take(1)
			assert.False(t, d.OK)
			assert.Greater(t, d.RetryAfter, time.Duration(min(years, 292)*364*24)*time.Hour, "from then on")
			assert.GreaterOrEqual(t, d.ResetAfter, d.RetryAfter)
			r := long.Reserve(1)
			assert.False(t, r.OK(), "that is more than MaxWait")
			require.InDelta(t, 0, l.Tokens(), 1e-9)
			r = l.At(time.Now()).Reserve(1)
			require.True(t, r.OK())
			assert.Greater(t, long.Delay(r), time.Duration(min(years, 292)*364*24)*time.Hour)
		})
	}
}

func TestADebtOfAnySizeIsKept(t *testing.T) {
	century := ratelimit.Every(100 * 365 * 24 * time.Hour)
	for _, r := range []ratelimit.Rate{
		century, ratelimit.PerDay(1), ratelimit.PerSecond(1), ratelimit.PerSecond(999_983), ratelimit.PerSecond(1e7), ratelimit.PerSecond(1e12), {},
	} {
		for _, tokens := range []float64{-0.5, -1000, -1e6 - 0.25, -1e9, -ratelimit.MaxBurst} {
			for _, burst := range []int{1, 10, ratelimit.MaxBurst} {
				t.Run(fmt.Sprint(r, tokens, burst), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						l := ratelimit.New(r, burst)
						l.SetTokens(tokens)
						assert.InEpsilon(t, tokens, l.Tokens(), 1e-6)
						assert.False(t, l.Allow())
						d := l.Take(1)
						want := (1 - tokens) / r.PerSecond() // +Inf while paused
						if want > 290*365*24*3600 {
							assert.Greater(t, d.RetryAfter, 280*365*24*time.Hour)
						} else {
							assert.InDelta(t, want, d.RetryAfter.Seconds(), want*1e-6+1e-9)
						}
						l.SetTokens(1)
						assert.True(t, l.Allow())
						assert.False(t, l.Allow())
					})
				})
			}
		}
	}
}

func TestAMaxWaitOfAnyLengthLeavesTheDeadlineAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, maxWait := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 1} {
			l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWait(maxWait))
			k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.MaxWait(maxWait))
			time.Sleep(time.Second)
			require.True(t, l.Allow())
			require.True(t, k.Allow(1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			start := time.Now()
			want := ratelimit.ErrWouldExceedDeadline
			if maxWait == 1 {
				want = ratelimit.ErrWouldExceedMaxWait
			}
			require.ErrorIs(t, l.Wait(ctx), want)
			require.ErrorIs(t, k.Wait(ctx, 1), want)
			assert.Equal(t, start, time.Now(), "at once")
			if maxWait > 1 {
				require.NoError(t, l.Wait(t.Context()))
			}
		}
	})
}
