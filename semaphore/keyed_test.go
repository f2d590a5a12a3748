package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/semaphore"
)

func TestEachKeyHasItsOwnPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := semaphore.NewKeyed[string](2)
		require.NoError(t, k.Acquire(t.Context(), "a", 2))
		require.True(t, k.TryAcquire("b", 1))
		assert.False(t, k.TryAcquire("a", 1))
		assert.Equal(t, 2, k.Len())
		assert.EqualValues(t, 2, k.Held("a"))
		assert.EqualValues(t, 1, k.Held("b"))
		assert.Zero(t, k.Held("c"), "asking makes no key")

		waiter := waiterOf(t, func() error { return k.Acquire(t.Context(), "a", 1) })
		assert.Equal(t, 1, k.Waiting("a"))
		k.Release("b", 1)
		requireBlocked(t, waiter)
		k.Release("a", 2)
		require.NoError(t, requireDone(t, waiter))
		k.Release("a", 1)
		assert.Zero(t, k.Len())
	})
}

func TestAKeyExistsExactlyWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := semaphore.NewKeyed[int](1)
		assert.Zero(t, k.Len())
		require.NoError(t, k.Acquire(t.Context(), 7, 1))
		assert.Equal(t, 1, k.Len())
		require.NoError(t, k.Acquire(t.Context(), 8, 0), "0 permits use nothing")
		assert.True(t, k.TryAcquire(9, 0))
		assert.Equal(t, 1, k.Len())
		assert.Equal(t, semaphore.ErrTooLarge, k.Acquire(t.Context(), 8, 2))
		assert.False(t, k.TryAcquire(8, 2))
		assert.Equal(t, 1, k.Len(), "a refusal leaves no key behind")

		ctx, cancel := context.WithCancel(t.Context())
		waiter := waiterOf(t, func() error { return k.Acquire(ctx, 7, 1) })
		cancel()
		require.Equal(t, context.Canceled, requireDone(t, waiter))
		assert.Equal(t, context.Canceled, k.Acquire(ctx, 1000, 1))
		assert.Equal(t, 1, k.Len())
		k.Release(7, 1)
		assert.Zero(t, k.Len())

		// With somebody in the queue the key outlives its holder.
		require.True(t, k.TryAcquire(7, 1))
		waiter = waiterOf(t, func() error { return k.AcquirePriority(t.Context(), 7, 1, 3) })
		k.Release(7, 1)
		require.NoError(t, requireDone(t, waiter))
		assert.Equal(t, 1, k.Len())
		k.Release(7, 1)
		assert.Zero(t, k.Len())
	})
}

func TestEvictionForgetsNothing(t *testing.T) {
	k := semaphore.NewKeyed[int](1)
	require.True(t, k.TryAcquire(-1, 1))
	for i := range 10_000 { // a flood of other keys does not free the one in use
		require.True(t, k.TryAcquire(i, 1))
		k.Release(i, 1)
	}
	assert.False(t, k.TryAcquire(-1, 1))
	assert.Equal(t, 1, k.Len())
}

func TestKeysAreBounded(t *testing.T) {
	var events []semaphore.Event
	k := semaphore.NewKeyed[int](1, semaphore.MaxKeys(3), semaphore.On(semaphore.Events{
		Rejected: func(e semaphore.Event) { events = append(events, e) },
	}))
	for i := range 3 {
		require.NoError(t, k.Acquire(t.Context(), i, 1))
	}
	assert.Equal(t, semaphore.ErrTooManyKeys, k.Acquire(t.Context(), 3, 1))
	assert.False(t, k.TryAcquire(3, 1))
	assert.Equal(t, []semaphore.Event{{N: 1, Err: semaphore.ErrTooManyKeys}}, events)
	k.Release(1, 1)
	require.NoError(t, k.Acquire(t.Context(), 3, 1))
	assert.Equal(t, 3, k.Len())
}

func TestKeyedBadInputPanics(t *testing.T) {
	k := semaphore.NewKeyed[float64](1)
	for want, do := range map[string]func(){
		"semaphore: limit must be between 1 and 9007199254740991, got 0":  func() { semaphore.NewKeyed[int](0) },
		"semaphore: limit must be between 1 and 9007199254740991, got -4": func() { k.SetLimit(-4) },
		"semaphore: MaxKeys must be at least 1, got 0":                    func() { semaphore.MaxKeys(0) },
		"semaphore: MaxKeys is an option of NewKeyed, not of New":         func() { semaphore.New(1, semaphore.MaxKeys(1)) },
		"semaphore: n must be at least 0, got -1":                         func() { _ = k.Acquire(t.Context(), 1, -1) },
		"semaphore: n must be at least 0, got -2":                         func() { k.TryAcquire(1, -2) },
		"semaphore: n must be at least 0, got -3":                         func() { k.Release(1, -3) },
		"semaphore: released 1 permits, but only 0 are held":              func() { k.Release(1, 1) },
		"semaphore: a key must be equal to itself, which NaN is not":      func() { k.TryAcquire(math.NaN(), 1) },
		"semaphore: priority must be between -1000 and 1000, got 2000":    func() { _ = k.AcquirePriority(t.Context(), 1, 1, 2000) },
		"semaphore: fn must not be nil":                                   func() { _ = k.Do(t.Context(), 1, nil) },
	} {
		assert.PanicsWithValue(t, want, do)
		assert.Zero(t, k.Len())
	}
	require.True(t, k.TryAcquire(1, 1))
	assert.PanicsWithValue(t, "semaphore: released 2 permits, but only 1 are held", func() { k.Release(1, 2) })
	k.Release(1, 1) // the lock is free again, and the state as it was
	assert.Zero(t, k.Len())
}

func TestKeyedSetLimitReachesEveryKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := semaphore.NewKeyed[string](1)
		require.True(t, k.TryAcquire("spare", 1))
		k.Release("spare", 1)
		require.True(t, k.TryAcquire("a", 1))
		waiter := waiterOf(t, func() error { return k.Acquire(t.Context(), "a", 1) })
		k.SetLimit(2)
		require.NoError(t, requireDone(t, waiter))
		assert.True(t, k.TryAcquire("new", 2))
		assert.True(t, k.TryAcquire("spare", 2))
		assert.EqualValues(t, 2, k.Limit())
		k.SetLimit(1)
		assert.False(t, k.TryAcquire("a", 1))
		k.Release("a", 1)
		assert.False(t, k.TryAcquire("a", 1), "one is still held")
	})
}

func TestKeyedCloseFailsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := semaphore.NewKeyed[int](1)
		require.True(t, k.TryAcquire(1, 1))
		waiter := waiterOf(t, func() error { return k.Acquire(t.Context(), 1, 1) })
		k.Close()
		assert.Equal(t, semaphore.ErrClosed, requireDone(t, waiter))
		assert.Equal(t, semaphore.ErrClosed, k.Acquire(t.Context(), 1, 1))
		assert.Equal(t, semaphore.ErrClosed, k.Acquire(t.Context(), 2, 1))
		assert.Equal(t, semaphore.ErrClosed, k.Acquire(t.Context(), 2, 0))
		assert.False(t, k.TryAcquire(2, 1))
		assert.False(t, k.TryAcquire(2, 0))
		k.Release(1, 1)
		assert.Zero(t, k.Len())
		assert.False(t, k.TryAcquire(1, 1))
	})
}

func TestKeyedDoGivesThePermitBackHoweverFnEnds(t *testing.T) {
	k := semaphore.NewKeyed[string](1)
	failed := errors.New("failed")
	do := func(fn func() error) func() {
		return func() { _ = k.Do(context.Background(), "a", func(context.Context) error { return fn() }) }
	}
	assert.Equal(t, semaphore.ErrTooLarge, semaphore.NewKeyed[int](1).Acquire(t.Context(), 1, 2))
	done, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, context.Canceled, k.Do(done, "a", func(context.Context) error { panic("ran") }))
	k.Release("a", 0) // of a key that is not there: nothing
	assert.Equal(t, failed, k.Do(t.Context(), "a", func(context.Context) error {
		assert.EqualValues(t, 1, k.Held("a"))
		return failed
	}))
	assert.True(t, testkit.Run(do(func() error { panic("boom") })).Panicked)
	assert.True(t, testkit.Run(do(func() error { runtime.Goexit(); return nil })).Exited)
	assert.Zero(t, k.Len())
}

func TestKeyedStatsCoverKeysThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := semaphore.NewKeyed[int](1, semaphore.Counted(), semaphore.MaxWait(time.Second))
		for i := range 3 {
			require.NoError(t, k.Acquire(t.Context(), i, 1))
		}
		require.Error(t, k.Acquire(t.Context(), 0, 1)) // waits for a second
		require.Error(t, k.Acquire(t.Context(), 9, 2)) // too large
		waiter := waiterOf(t, func() error { return k.Acquire(t.Context(), 1, 1) })
		k.Release(0, 1)
		assert.Equal(t, semaphore.KeyedStats{
			Limit: 1, Keys: 2, MaxKeys: 65536, Held: 2, Waiting: 1, Acquired: 3, Waits: 1, Rejected: 2,
			WaitTotal: time.Second, WaitMax: time.Second,
		}, k.Stats())
		k.Release(1, 1)
		require.NoError(t, requireDone(t, waiter))
		assert.EqualValues(t, -1, semaphore.NewKeyed[int](1).Stats().Acquired)
	})
}

// TestKeyedUnderLoad counts by itself what is out of each key.
func TestKeyedUnderLoad(t *testing.T) {
	procs(t, func(t *testing.T) {
		const limit, keys = 2, 5
		k := semaphore.NewKeyed[string](limit, semaphore.MaxKeys(4))
		var out [keys]atomic.Int64
		var full atomic.Int64
		var wg sync.WaitGroup
		for g := range 10 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 3)) // #nosec G404 -- reproducible
				for range rounds(3000) {
					i, n := rng.IntN(keys), 1+rng.Int64N(limit)
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Microsecond)
					err := k.Acquire(ctx, fmt.Sprint(i), n)
					cancel()
					if err != nil {
						if errors.Is(err, semaphore.ErrTooManyKeys) {
							full.Add(1)
						}
						continue
					}
					if now := out[i].Add(n); now > limit {
						assert.Fail(t, "over the limit of a key", "%d", now)
					}
					if k.Len() > 4 {
						assert.Fail(t, "too many keys")
					}
					runtime.Gosched()
					out[i].Add(-n)
					k.Release(fmt.Sprint(i), n)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, k.Len())
		t.Logf("refused for a fifth key: %d", full.Load())
	})
}

func TestAKeyThatComesBackAllocatesNothing(t *testing.T) {
	k := semaphore.NewKeyed[int](4)
	ctx := t.Context()
	i := 0
	assert.Zero(t, testing.AllocsPerRun(500, func() {
		_ = k.Acquire(ctx, i%8, 1)
		k.Release(i%8, 1)
		i++
	}))
}

func TestWhatAKeyInUseCosts(t *testing.T) {
	const keys = 20_000
	k := semaphore.NewKeyed[int](1, semaphore.MaxKeys(keys))
	var from, to runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&from)
	for i := range keys {
		k.TryAcquire(i, 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&to)
	each := float64(to.HeapAlloc-from.HeapAlloc) / keys
	t.Logf("%.0f bytes", each)
	assert.Less(t, each, 800.0, "MaxKeys states the figure")
	for i := range keys {
		k.Release(i, 1)
	}
	assert.Zero(t, k.Len())
}

// TestKeyedResizeAndCloseUnderLoad ends with Close: whoever waits comes back,
// and no key is left.
func TestKeyedResizeAndCloseUnderLoad(t *testing.T) {
	procs(t, func(t *testing.T) {
		for range rounds(60) {
			k := semaphore.NewKeyed[int](2)
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 60 {
						n := int64(1 + (g+i)%3)
						switch err := k.AcquirePriority(t.Context(), i%3, n, i%2); {
						case err == nil:
							runtime.Gosched()
							k.Release(i%3, n)
						case errors.Is(err, semaphore.ErrClosed):
							return
						}
					}
				})
			}
			wg.Go(func() {
				for i := range 40 {
					k.SetLimit(1 + int64(i%4))
					runtime.Gosched()
				}
				k.Close()
			})
			wg.Wait()
			require.Zero(t, k.Len())
			require.False(t, k.TryAcquire(1, 1))
		}
	})
}
