package ratelimit_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// A Keyed whose rate and burst change runs beside one Limiter a key.
func TestSetRateAndSetBurstChangeEveryKeyAsTheyDoALimiter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		rates := []ratelimit.Rate{
			ratelimit.PerSecond(3), ratelimit.PerDay(1), ratelimit.PerSecond(999_983), ratelimit.Every(7 * time.Second),
			ratelimit.Unlimited, {}, ratelimit.PerSecond(1e7),
		}
		rate, burst := rates[0], 4
		k := ratelimit.NewKeyed[int](rate, burst)
		model := map[int]*ratelimit.Limiter{}
		r := rand.New(rand.NewPCG(3, 1))
		for i := range 40_000 {
			key := int(min(r.ExpFloat64()*100, 1000))
			if model[key] == nil {
				model[key] = ratelimit.New(rate, burst)
			}
			n := r.IntN(4)
			require.Equal(t, model[key].Take(n), k.Take(key, n), "step %d", i)
			switch r.IntN(200) {
			case 0:
				rate = rates[r.IntN(len(rates))]
				k.SetRate(rate)
				for key, l := range model {
					if l.Rate() == ratelimit.Unlimited {
						delete(model, key) // it has no state, so it begins anew
					} else {
						l.SetRate(rate)
					}
				}
			case 1:
				burst = 1 + r.IntN(1000)>>r.IntN(10)
				k.SetBurst(burst)
				for key, l := range model {
					if l.Take(0).ResetAfter == 0 {
						delete(model, key) // a full bucket stays full
					} else {
						l.SetBurst(burst)
					}
				}
			}
			require.Equal(t, rate, k.Rate())
			require.Equal(t, burst, k.Burst())
			if r.IntN(4) == 0 {
				time.Sleep(time.Duration(r.ExpFloat64() * 5e7))
			}
			if r.IntN(5_000) == 0 {
				time.Sleep(time.Duration(r.IntN(100)) * 24 * time.Hour) // past every horizon
			}
		}
	})
}

func TestSetRateOfAllKeysRepricesThoseWhoWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 1)
		start := time.Now()
		for _, key := range []string{"a", "b", "c"} {
			require.True(t, k.Allow(key))
		}
		var wg sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			wg.Go(func() {
				assert.NoError(t, k.Wait(t.Context(), key))
				assert.Equal(t, 559*time.Millisecond, time.Since(start))
			})
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			assert.ErrorIs(t, k.WaitN(ctx, "c", 1), ratelimit.ErrWouldExceedDeadline)
			assert.Equal(t, 400*time.Millisecond, time.Since(start), "at once")
		})
		time.Sleep(400 * time.Millisecond)
		k.SetRate(ratelimit.PerSecond(0.1))
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		k.SetRate(ratelimit.PerSecond(10)) // 0.41 of a token was there: 0.59 are 59 ms
		wg.Wait()
	})
}

func TestSetBurstOfAllKeysFailsThoseWhoWaitForMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 3)
		require.True(t, k.AllowN("a", 3))
		start := time.Now()
		big := waits(t, start, 0, func(ctx context.Context) error { return k.WaitN(ctx, "a", 3) })
		small := waits(t, start, 0, func(ctx context.Context) error { return k.WaitN(ctx, "a", 2) })
		k.SetBurst(2)
		synctest.Wait()
		assert.Equal(t, outcome{ratelimit.ErrExceedsBurst, 0}, *big)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, outcome{nil, 2 * time.Second}, *small, "its place is free")
		assert.Panics(t, func() { _ = k.WaitN(t.Context(), "a", -1) })
	})
}

func TestNothingIsLostOrDoubledWhileTheRateChanges(t *testing.T) {
	k := ratelimit.NewKeyed[int](ratelimit.PerDay(1), 1000)
	var granted [20]atomic.Int64
	var wg, setter sync.WaitGroup
	stop := make(chan struct{})
	setter.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				k.SetRate(ratelimit.PerDay(1 + i%2))
			}
		}
	})
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 10_000 {
				if key := r.IntN(len(granted)); k.Allow(key) {
					granted[key].Add(1)
				}
				k.Allow(1000 + i) // growth
			}
		})
	}
	wg.Wait()
	close(stop)
	setter.Wait()
	for key := range granted {
		for k.Allow(key) {
			granted[key].Add(1)
		}
		assert.EqualValues(t, 1000, granted[key].Load(), "key %d", key)
	}
}

func TestWithPerKeyTheRateOfNewKeyedIsThatOfTheSharedBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 1, ratelimit.MaxKeys(1),
			ratelimit.PerKey(func(int) (ratelimit.Rate, int) { return ratelimit.PerHour(1), 1 }))
		require.True(t, k.Allow(1))
		k.SetRate(ratelimit.PerHour(7))
		k.SetBurst(3)
		assert.Equal(t, 1, k.Take(1, 0).Limit)
		assert.Equal(t, 3, k.Take(2, 1).Limit)
	})
}

func TestAKeyThatIsNotEqualToItselfHasTheSharedBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[float64](ratelimit.PerHour(1), 2)
		assert.True(t, k.Allow(math.NaN()))
		assert.True(t, k.Allow(math.NaN()))
		assert.False(t, k.Allow(math.NaN()))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		require.NoError(t, k.Wait(ctx, math.NaN()))
		assert.True(t, k.Allow(1))
		assert.Equal(t, 1, k.Len())
	})
}

func TestAPlaceIsFreeAsSoonAsItsKeyIsIdleWhereverItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 2, ratelimit.MaxKeys(20_000)) // several shards
		for i := range 50 {
			require.True(t, k.AllowN(i, 1))
		}
		time.Sleep(30 * time.Minute)
		for i := 50; i < 20_000; i++ {
			require.True(t, k.AllowN(i, 2))
		}
		for k.Allow(-1) { // the shared bucket
		}
		time.Sleep(30*time.Minute - 1)
		assert.False(t, k.AllowN(-2, 2))
		time.Sleep(time.Nanosecond)
		for i := range 50 {
			require.True(t, k.AllowN(-10-i, 2), "the place of key %d", i)
		}
		assert.False(t, k.AllowN(-100, 2))
		assert.False(t, k.Allow(60), "none that is limited was freed")
	})
}

func TestAKeyThatWasWaitedForGivesItsPlaceBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.MaxKeys(1))
		require.True(t, k.Allow(1))
		require.NoError(t, k.Wait(t.Context(), 1))
		time.Sleep(time.Second)
		assert.True(t, k.Allow(2))
		assert.True(t, k.Allow(3), "the shared bucket")
		assert.False(t, k.Allow(3))
	})
}

func TestARequestThatTakesNothingNeedsNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 2, ratelimit.MaxKeys(1))
		for i := range 100 {
			assert.False(t, k.AllowN(i, 3))
			assert.Equal(t, ratelimit.Decision{OK: true, Limit: 2, Remaining: 2}, k.Take(i, 0))
		}
		assert.True(t, k.AllowN(1, 2))
		assert.True(t, k.AllowN(2, 2), "the shared bucket is full still")
		assert.False(t, k.Allow(2))
	})
}

func TestEveryKeyCanHaveALimitOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.PerKey(func(key int) (ratelimit.Rate, int) {
			return ratelimit.PerHour(1 + key), 1 + key%7
		}))
		const keys = 70_000
		for key := range keys {
			require.True(t, k.AllowN(key, 1+key%7))
		}
		for key := range keys {
			require.Equal(t, 1+key%7, k.Take(key, 1).Limit)
			require.False(t, k.Allow(key))
		}
		assert.Equal(t, time.Hour/10, k.Take(9, 1).RetryAfter)
	})
}

func TestLimitsThatNoKeyHasAnyMoreAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		before := heap()
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.MaxKeys(1000), ratelimit.PerKey(func(key int) (ratelimit.Rate, int) {
			return ratelimit.PerSecond(1000 + key), 1
		}))
		for key := range 100_000 {
			require.True(t, k.Allow(key))
			if key%500 == 0 {
				time.Sleep(2 * time.Second)
			}
		}
		assert.Less(t, heap()-before, int64(3<<20))
		require.True(t, k.Allow(1))
	})
}

func TestWhetherAnIdleKeyWasDroppedCannotBeTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		burst := 2
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.PerKey(func(int) (ratelimit.Rate, int) {
			return ratelimit.PerSecond(1), burst
		}))
		require.True(t, k.AllowN(1, 2))
		time.Sleep(2 * time.Second)
		burst = 10
		assert.Equal(t, 10, k.Take(1, 0).Remaining, "as for a key that never came")
		assert.Equal(t, 10, k.Take(2, 0).Remaining)
		require.True(t, k.AllowN(1, 9))
		burst = 1 << 30
		assert.Equal(t, 1, k.Take(1, 0).Remaining)
		burst = 1
		assert.Equal(t, 1, k.Take(1, 0).Remaining)
	})
}

func TestDenialsOfAKeyWriteNothingAndAllocateNothing(t *testing.T) {
	k := ratelimit.NewKeyed[string](ratelimit.PerDay(1), 1)
	plenty := ratelimit.NewKeyed[string](ratelimit.PerSecond(1e9), 1<<30)
	require.True(t, k.Allow("a"))
	require.True(t, plenty.Allow("a"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, f := range map[string]func(){
		"Allow":                   func() { plenty.Allow("a") },
		"Allow, denied":           func() { k.Allow("a") },
		"AllowN":                  func() { plenty.AllowN("a", 3) },
		"Take":                    func() { plenty.Take("a", 2) },
		"Take, denied":            func() { k.Take("a", 1) },
		"Wait, tokens are there":  func() { _ = plenty.Wait(ctx, "a") },
		"Take of a key not there": func() { k.Take("b", 0) },
	} {
		assert.Zero(t, testing.AllocsPerRun(200, f), name)
	}
}

func TestStatsOfAKeyedTellWhatItKnows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.MaxKeys(2))
		for key := range 5 {
			k.Allow(key)
		}
		waits(t, time.Now(), 0, func(ctx context.Context) error { return k.Wait(ctx, 0) })
		want := ratelimit.KeyedStats{Rate: ratelimit.PerSecond(1), Burst: 1, Keys: 2, Queues: 1, Overflow: 3}
		assert.Equal(t, want, k.Stats())
		time.Sleep(time.Second)
		synctest.Wait()
		want.Queues = 0
		assert.Equal(t, want, k.Stats())
	})
}

func TestManyAtOnceFindEveryPlaceThatIsIdle(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			const keys, idle = 20_000, 8 // in several shards
			k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 2, ratelimit.MaxKeys(keys))
			for i := range idle {
				require.True(t, k.AllowN(i, 1))
			}
			time.Sleep(30 * time.Minute)
			for i := idle; i < keys; i++ {
				require.True(t, k.AllowN(i, 2))
			}
			for k.Allow(-1) { // the shared bucket
			}
			time.Sleep(30 * time.Minute)
			var wg sync.WaitGroup
			var granted atomic.Int64
			for g := range idle {
				wg.Go(func() {
					if k.AllowN(-2-g, 2) {
						granted.Add(1)
					}
				})
			}
			wg.Wait()
			assert.EqualValues(t, idle, granted.Load())
			assert.Equal(t, keys, k.Len())
		})
	}
}
