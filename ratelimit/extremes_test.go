package ratelimit_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
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

// A request that is denied is granted when its RetryAfter has passed, and not one
// nanosecond before, whatever it is that denies.
func TestRetryAfterOfEveryKindIsExact(t *testing.T) {
	third, odd := ratelimit.PerSecond(1.0/3), ratelimit.PerSecond(7.3)
	kinds := map[string]func() func(n int) ratelimit.Decision{
		"All": func() func(int) ratelimit.Decision {
			return ratelimit.All(ratelimit.New(third, 7), ratelimit.New(odd, 5), ratelimit.New(ratelimit.Unlimited, 1)).Take
		},
		"All, of which one goes into debt": func() func(int) ratelimit.Decision {
			return ratelimit.All(ratelimit.New(third, 2, ratelimit.Debt()), ratelimit.New(odd, 5)).Take
		},
		"Debt":          func() func(int) ratelimit.Decision { return ratelimit.New(third, 2, ratelimit.Debt()).Take },
		"WarmUp":        func() func(int) ratelimit.Decision { return ratelimit.New(odd, 5, ratelimit.WarmUp(time.Minute)).Take },
		"FixedWindow":   func() func(int) ratelimit.Decision { return ratelimit.NewFixedWindow(6, 7*time.Second+1).Take },
		"SlidingWindow": func() func(int) ratelimit.Decision { return ratelimit.NewSlidingWindow(6, 7*time.Second+1).Take },
		"Keyed": func() func(int) ratelimit.Decision {
			k := ratelimit.NewKeyed[string](third, 5)
			return func(n int) ratelimit.Decision { return k.Take("key", n) }
		},
		"Keyed, PerKey, in debt": func() func(int) ratelimit.Decision {
			limit := func(string) (ratelimit.Rate, int) { return odd, 3 }
			k := ratelimit.NewKeyed[string](third, 1, ratelimit.Debt(), ratelimit.PerKey(limit))
			return func(n int) ratelimit.Decision { return k.Take("key", n) }
		},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				bubble(t, func(t *testing.T) {
					r, take, denials := rand.New(rand.NewPCG(seed, 14)), kind(), 0
					for range 200 {
						n := r.IntN(6) + 1
						d := take(n)
						if d.OK || d.RetryAfter == ratelimit.Never {
							require.True(t, d.RetryAfter == 0 || n > d.Limit)
							time.Sleep(time.Duration(r.ExpFloat64() * 3e8))
							continue
						}
						denials++
						require.Positive(t, d.RetryAfter)
						time.Sleep(d.RetryAfter - 1)
						require.Equal(t, time.Duration(1), take(n).RetryAfter)
						time.Sleep(time.Nanosecond)
						require.True(t, take(n).OK)
					}
					require.Greater(t, denials, 10)
				})
			}
		})
	}
}

// From one a day to a billion a second, with requests of any size: what is granted is
// what the rate gains, to a millionth, also after a pause that is longer than a cell
// can compute.
func TestAnyRateIsKeptAndUsed(t *testing.T) {
	for seed := range uint64(150) {
		bubble(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 15))
			perSecond := math.Exp(math.Log(1.0/86400) + r.Float64()*math.Log(1e9*86400))
			burst := 1 + min(1+r.IntN(1000)<<r.IntN(20), int(perSecond*30*86400)) // full in a month
			l := ratelimit.New(ratelimit.PerSecond(perSecond), burst)
			for range 3 {
				time.Sleep(60 * 24 * time.Hour)
				require.Equal(t, burst, l.TakeUpTo(2*burst))
				start, total := time.Now(), 0.0
				for range 300 {
					last := 1 + r.IntN(burst-1) // a bucket of no more is full for a part of a nanosecond
					if d := l.Take(last); !d.OK {
						time.Sleep(d.RetryAfter)
						require.True(t, l.AllowN(last))
					}
					total += float64(last)
				}
				gained := time.Since(start).Seconds() * perSecond
				require.LessOrEqual(t, total, gained*(1+1e-12)+1e-6, "%v a second", perSecond)
				require.GreaterOrEqual(t, total+l.Tokens(), gained*(1-1e-6)-1e-6, "%v a second", perSecond)
				require.Less(t, l.Tokens(), float64(burst), "%v a second", perSecond) // nothing was lost
				if time.Since(start) > 10*365*24*time.Hour {
					return // a bubble has three centuries
				}
			}
		})
	}
}
