package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestEachKeyHasItsOwnBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 3)
		for range 3 {
			assert.True(t, k.Allow("a"))
			assert.True(t, k.Allow("b"))
		}
		assert.False(t, k.Allow("a"))
		assert.False(t, k.Allow("b"))
		d := k.Take("a", 2)
		assert.Equal(t, ratelimit.Decision{Limit: 3, RetryAfter: 2 * time.Second, ResetAfter: 3 * time.Second}, d)
		time.Sleep(2*time.Second - 1)
		assert.False(t, k.AllowN("a", 2))
		time.Sleep(time.Nanosecond)
		assert.True(t, k.AllowN("a", 2))
		assert.Equal(t, 2, k.Take("b", 0).Remaining)
		assert.False(t, k.AllowN("c", 4))
		assert.Equal(t, ratelimit.Never, k.Take("c", 4).RetryAfter)
		assert.True(t, k.AllowN("c", 0))
	})
}

func TestIdleKeysAreForgottenWhenNobodyCanTell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 10)
		for i := range 10_000 {
			k.AllowN(i, 1+i%10)
		}
		assert.Equal(t, 10_000, k.Len())
		for s := 1; s <= 10; s++ {
			time.Sleep(time.Second)
			assert.Equal(t, 10_000-1000*s, k.Len())
		}
	})
}

// model runs a Keyed beside one Limiter a key.
func TestKeyedAgreesWithALimiterForEachKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		limits := []struct {
			r     ratelimit.Rate
			burst int
		}{{ratelimit.PerSecond(3), 4}, {ratelimit.PerDay(1), 1000}, {ratelimit.PerSecond(1e6), 100}, {ratelimit.Every(7 * time.Second), 1}, {ratelimit.PerSecond(999_983), 3}}
		pick := func(key int) (ratelimit.Rate, int) { l := limits[key%len(limits)]; return l.r, l.burst }
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.PerKey(pick))
		model := map[int]*ratelimit.Limiter{}
		r := rand.New(rand.NewPCG(1, 1))
		for i := range 30_000 {
			key := int(min(r.ExpFloat64()*300, 3000))
			if model[key] == nil {
				rate, burst := pick(key)
				model[key] = ratelimit.New(rate, burst)
			}
			n := r.IntN(3)
			require.Equal(t, model[key].Take(n), k.Take(key, n), "step %d", i)
			if r.IntN(4) == 0 {
				time.Sleep(time.Duration(r.ExpFloat64() * 5e7))
			}
			if r.IntN(5_000) == 0 {
				time.Sleep(time.Duration(r.IntN(100)) * 24 * time.Hour) // past every horizon
			}
		}
	})
}

func TestAFloodOfKeysFreesNoLimitedOne(t *testing.T) { // P31
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerDay(1), 1, ratelimit.MaxKeys(1000))
		require.True(t, k.Allow("victim"))
		through := 0
		for i := range 20_000 {
			if k.Allow(fmt.Sprint("decoy ", i)) {
				through++
			}
			if i%1000 == 0 {
				require.False(t, k.Allow("victim"))
			}
		}
		assert.Equal(t, 999+1, through, "one for each place, and one for the shared bucket")
		assert.Equal(t, 1000, k.Len())
		time.Sleep(24 * time.Hour)
		assert.True(t, k.Allow("victim"))
		assert.True(t, k.Allow("decoy 19999"), "there is room again")
	})
}

func TestMaxKeysIsExactForSmallNumbers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 3, 7, 100, 5000, 20_000} {
			k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 1, ratelimit.MaxKeys(n))
			through := 0
			for i := range n + 50 {
				if k.Allow(i) {
					through++
				}
			}
			assert.Equal(t, n+1, through)
			time.Sleep(time.Hour)
			through = 0
			for i := range n + 50 {
				if k.Allow(-i) {
					through++
				}
			}
			assert.Equal(t, n+1, through, "%d: all places were free again", n)
		}
	})
}

func TestKeysFitIntoAFewBytesEach(t *testing.T) { // P30: 64 MB for a million
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	before := heap()
	k := ratelimit.NewKeyed[string](ratelimit.PerHour(1), 5, ratelimit.MaxKeys(len(keys)))
	granted := 0
	for _, key := range keys {
		if k.Allow(key) {
			granted++
		}
	}
	require.Equal(t, len(keys), granted)
	used := float64(heap()-before) / float64(len(keys))
	t.Logf("%.1f bytes a key, without the bytes of the strings", used)
	assert.Less(t, used, 40.0)
	assert.Equal(t, len(keys), k.Len())
	runtime.KeepAlive(keys)
	runtime.KeepAlive(k)
}

func heap() int64 {
	for range 3 { // what pools and finalizers of other tests hold goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestTheTableShrinksWhenKeysComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1)
		before := heap()
		for i := range 50_000 {
			k.Allow(i)
		}
		grown := heap() - before
		time.Sleep(time.Minute)
		for i := range 100_000 { // few at a time
			k.Allow(1_000_000 + i)
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		assert.Less(t, heap()-before, grown/4)
		runtime.KeepAlive(k)
	})
}

func TestThoseWhoWaitForOneKeyAreServedInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 1)
		start := time.Now()
		var mu sync.Mutex
		at := map[string][]time.Duration{}
		var wg sync.WaitGroup
		for i := range 5 {
			for _, key := range []string{"a", "b"} {
				wg.Go(func() {
					assert.NoError(t, k.Wait(t.Context(), key))
					mu.Lock()
					defer mu.Unlock()
					assert.Len(t, at[key], i)
					at[key] = append(at[key], time.Since(start))
				})
				synctest.Wait()
			}
		}
		assert.False(t, k.Allow("a"))
		assert.Equal(t, 2, k.Len())
		wg.Wait()
		want := []time.Duration{0, 1e9, 2e9, 3e9, 4e9}
		assert.Equal(t, map[string][]time.Duration{"a": want, "b": want}, at)
		assert.Equal(t, time.Second, k.Take("a", 1).RetryAfter, "the bucket is back in the table")
		time.Sleep(time.Second)
		assert.Zero(t, k.Len())
	})
}

func TestWaitingForAKeyFailsAsForALimiter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 2, ratelimit.MaxWaiters(1), ratelimit.MaxWait(10*time.Second))
		k.AllowN("a", 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, k.Wait(ctx, "a"), ratelimit.ErrWouldExceedDeadline)
		assert.Equal(t, ratelimit.ErrExceedsBurst, k.WaitN(t.Context(), "a", 3))
		gone, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Wait(gone, "a") }()
		synctest.Wait()
		assert.Equal(t, ratelimit.ErrQueueFull, k.Wait(t.Context(), "a"))
		stop()
		assert.Equal(t, context.Canceled, <-done)
		assert.Equal(t, context.Canceled, k.Wait(gone, "b"))
		assert.Equal(t, time.Second, k.Take("a", 1).RetryAfter)
		k.AllowN("c", 2)
		require.NoError(t, k.Do(t.Context(), "c", func(context.Context) error { return nil }))
	})
}

func TestALimitOfAKeyCanChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var gold atomic.Bool
		k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 1, ratelimit.PerKey(func(string) (ratelimit.Rate, int) {
			if gold.Load() {
				return ratelimit.PerSecond(10), 5
			}
			return ratelimit.PerSecond(1), 2
		}))
		require.True(t, k.AllowN("a", 2))
		done, start := make(chan error), time.Now()
		go func() { done <- k.Wait(t.Context(), "a") }()
		synctest.Wait()
		gold.Store(true)
		assert.False(t, k.Allow("a"), "it also tells those who wait")
		require.NoError(t, <-done)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		assert.Equal(t, 5, k.Take("a", 0).Limit)
		gold.Store(false)
		assert.Equal(t, time.Second, k.Take("a", 1).RetryAfter)
	})
}

func TestKeyedUnderLoad(t *testing.T) {
	k := ratelimit.NewKeyed[int](ratelimit.PerHour(1), 100, ratelimit.MaxKeys(5000))
	var granted [50]atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 20_000 {
				key := r.IntN(50)
				if k.Allow(key) {
					granted[key].Add(1)
				}
				k.Allow(1000 + i%3000) // growth
				if i%100 == 0 {
					ctx, cancel := context.WithCancel(t.Context())
					go cancel()
					if k.Wait(ctx, key) == nil {
						granted[key].Add(1)
					}
					cancel()
				}
			}
		})
	}
	wg.Wait()
	for key := range granted {
		assert.EqualValues(t, 100, granted[key].Load(), "key %d", key)
	}
}

func TestKeyedRefusesBadInput(t *testing.T) {
	assert.PanicsWithValue(t, "ratelimit: MaxKeys must be at least 1, got 0", func() { ratelimit.MaxKeys(0) })
	assert.PanicsWithValue(t, "ratelimit: PerKey must not be nil", func() { ratelimit.PerKey[int](nil) })
	assert.Panics(t, func() { ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 0) })
	assert.Panics(t, func() {
		ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.PerKey(func(string) (ratelimit.Rate, int) { return ratelimit.Unlimited, 1 }))
	})
	for _, o := range []ratelimit.KeyedOption{ratelimit.Counted(), ratelimit.InitialTokens(0), ratelimit.WarmUp(1)} {
		assert.PanicsWithValue(t, "ratelimit: WarmUp, InitialTokens and Counted are for a single limiter, not for NewKeyed",
			func() { ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, o) })
	}
	k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1)
	assert.Panics(t, func() { k.AllowN(1, -1) })
	assert.True(t, k.Allow(1))
}
