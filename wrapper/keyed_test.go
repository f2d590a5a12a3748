package wrapper_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestKeyedHasAWrapperForEachKeyAndSharedParts(t *testing.T) {
	shared := semaphore.New(10)
	k := wrapper.NewKeyed(func(string) []wrapper.Layer {
		return []wrapper.Layer{breaker.New(breaker.ConsecutiveFailures(1)), shared}
	})
	assert.ErrorIs(t, k.Do(t.Context(), "a", failing), errBoom)
	assert.ErrorIs(t, k.Do(t.Context(), "a", nothing), breaker.ErrOpen)
	got, err := wrapper.DoKeyed(t.Context(), k, "b", func(context.Context) (int64, error) { return shared.Held(), nil })
	assert.NoError(t, err, "another key has another breaker")
	assert.EqualValues(t, 1, got)
	assert.Equal(t, 2, k.Len())
	_, err = wrapper.DoKeyed(t.Context(), k, "a", func(context.Context) (int, error) { return 1, nil })
	assert.ErrorIs(t, err, breaker.ErrOpen)
}

func TestKeyedForgetsWhatIsIdleAndKeepsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := map[string]int{}
		k := wrapper.NewKeyed(func(key string) []wrapper.Layer { made[key]++; return nil }, wrapper.IdleAfter(time.Minute))
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.NoError(t, k.Do(t.Context(), "long", func(context.Context) error { time.Sleep(time.Hour); return nil }))
		})
		synctest.Wait()
		assert.NoError(t, k.Do(t.Context(), "a", nothing))
		time.Sleep(time.Minute - 1)
		assert.NoError(t, k.Do(t.Context(), "a", nothing))
		assert.Equal(t, 1, made["a"], "it is used")
		time.Sleep(time.Minute)
		assert.NoError(t, k.Do(t.Context(), "b", nothing))
		assert.Equal(t, 2, k.Len(), "a is idle; long and b are not")
		assert.NoError(t, k.Do(t.Context(), "a", nothing))
		assert.Equal(t, 2, made["a"])
		wg.Wait()
		assert.Equal(t, 1, made["long"])
	})
}

func TestKeyedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		k := wrapper.NewKeyed(func(key int) []wrapper.Layer {
			if key == 0 {
				made++
			}
			return nil
		}, wrapper.MaxKeys(3))
		for key := range 100 {
			require.NoError(t, k.Do(t.Context(), key, nothing))
			require.NoError(t, k.Do(t.Context(), 0, nothing))
			require.LessOrEqual(t, k.Len(), 3)
		}
		assert.Equal(t, 1, made, "the one in use stays, others go first")
		var wg sync.WaitGroup
		for key := range 3 {
			wg.Go(func() {
				_ = k.Do(t.Context(), key, func(context.Context) error { time.Sleep(time.Second); return nil })
			})
		}
		synctest.Wait()
		err := k.Do(t.Context(), 7, nothing)
		assert.ErrorIs(t, err, wrapper.ErrTooManyKeys)
		assert.True(t, wrapper.Rejected(err))
		_, err = wrapper.DoKeyed(t.Context(), k, 7, func(context.Context) (int, error) { return 1, nil },
			wrapper.Fallback(func(context.Context, error) (int, error) { return 2, nil }))
		assert.NoError(t, err)
		assert.NoError(t, k.Do(t.Context(), 1, nothing), "a key that is there is served")
		wg.Wait()
		assert.NoError(t, k.Do(t.Context(), 7, nothing))
	})
}

func TestKeyedForgetsNothingForACallThatIsOver(t *testing.T) {
	made := 0
	k := wrapper.NewKeyed(func(int) []wrapper.Layer { made++; return nil }, wrapper.MaxKeys(1))
	require.NoError(t, k.Do(t.Context(), 1, nothing))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, context.Canceled, k.Do(ctx, 2, nothing))
	_, err := wrapper.DoKeyed(ctx, k, 2, func(context.Context) (int, error) { return 1, nil })
	assert.Equal(t, context.Canceled, err)
	require.NoError(t, k.Do(t.Context(), 1, nothing))
	assert.Equal(t, 1, made, "the wrapper of the first key is the one that it was")
}

func TestKeyedRefusesAKeyThatEqualsNothing(t *testing.T) {
	k := wrapper.NewKeyed(func(float64) []wrapper.Layer { return nil }, wrapper.MaxKeys(2))
	assert.PanicsWithValue(t, "wrapper: a key must be equal to itself, which NaN is not", func() { _ = k.Do(t.Context(), math.NaN(), nothing) })
	assert.Zero(t, k.Len())
}

func TestKeyedCountsCallsThatPanicOrExit(t *testing.T) {
	k := wrapper.NewKeyed(func(int) []wrapper.Layer { return nil }, wrapper.MaxKeys(1))
	testkit.Run(func() { _ = k.Do(t.Context(), 1, func(context.Context) error { panic("boom") }) })
	testkit.Run(func() { _ = k.Do(t.Context(), 1, func(context.Context) error { runtime.Goexit(); return nil }) })
	assert.NoError(t, k.Do(t.Context(), 2, nothing), "the first key is idle")
}

func TestKeyedCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := wrapper.NewKeyed(func(int) []wrapper.Layer { return nil })
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = k.Do(t.Context(), 1, func(context.Context) error { time.Sleep(time.Minute); return nil })
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Equal(t, context.DeadlineExceeded, k.Shutdown(ctx))
		assert.ErrorIs(t, k.Do(t.Context(), 1, nothing), wrapper.ErrClosed)
		assert.ErrorIs(t, k.Do(t.Context(), 2, nothing), wrapper.ErrClosed)
		begin := time.Now()
		assert.NoError(t, k.Close())
		assert.Equal(t, 59*time.Second, time.Since(begin))
		wg.Wait()
		assert.NoError(t, k.Close())
	})
}

func TestKeyedUnderLoad(t *testing.T) {
	var mu sync.Mutex
	running := map[int]int{}
	k := wrapper.NewKeyed(func(int) []wrapper.Layer { return []wrapper.Layer{semaphore.New(1)} }, wrapper.MaxKeys(20))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for range 500 {
				key := rnd.IntN(30)
				err := k.Do(t.Context(), key, func(context.Context) error {
					mu.Lock()
					running[key]++
					if running[key] > 1 {
						t.Error("two calls of one key: it had two wrappers at once")
					}
					mu.Unlock()
					runtime.Gosched()
					mu.Lock()
					running[key]--
					mu.Unlock()
					return nil
				})
				if err != nil {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, k.Len(), 20)
}

func TestPerKeyChoosesByTheKeyInTheContext(t *testing.T) {
	hosts := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1))
	w, err := wrapper.New(wrapper.Config{MaxConcurrency: 2}, wrapper.Parts{Breaker: wrapper.PerKey(hosts)})
	require.NoError(t, err)
	a := wrapper.WithOverride(t.Context(), wrapper.Override{Key: "a"})
	b := wrapper.WithOverride(t.Context(), wrapper.Override{Key: "b"})
	assert.ErrorIs(t, w.Do(a, failing), errBoom)
	assert.ErrorIs(t, w.Do(a, nothing), breaker.ErrOpen)
	assert.NoError(t, w.Do(b, nothing))
	for _, ctx := range []context.Context{t.Context(), wrapper.WithOverride(t.Context(), wrapper.Override{Key: 7})} {
		err := w.Do(ctx, nothing)
		assert.ErrorIs(t, err, wrapper.ErrNoKey)
		assert.True(t, wrapper.Rejected(err))
	}
	assert.Equal(t, "PerKey(*breaker.Keyed[string]) ready? > Semaphore(2) > PerKey acquire > call", w.String())
}

func TestKeyedPanicsOnBadInput(t *testing.T) {
	assert.PanicsWithValue(t, "wrapper: NewKeyed needs a function that returns the layers of a key, got nil", func() { wrapper.NewKeyed[int](nil) })
	assert.PanicsWithValue(t, "wrapper: MaxKeys must be at least 1, got 0", func() { wrapper.MaxKeys(0) })
	assert.PanicsWithValue(t, "wrapper: IdleAfter must be above zero, got 0s", func() { wrapper.IdleAfter(0) })
	assert.PanicsWithValue(t, "wrapper: PerKey needs a policy, got nil (<nil>)", func() { wrapper.PerKey[int](nil) })
}

func TestAKeyedThatNobodyMadeSaysSo(t *testing.T) {
	var none *wrapper.Keyed[int]
	for want, k := range map[string]*wrapper.Keyed[int]{
		"wrapper: a Keyed is needed, got nil; make one with NewKeyed":   none,
		"wrapper: the zero Keyed is not usable, make one with NewKeyed": new(wrapper.Keyed[int]),
	} {
		assert.PanicsWithValue(t, want, func() { _ = k.Do(t.Context(), 1, nothing) })
		assert.PanicsWithValue(t, want, func() {
			_, _ = wrapper.DoKeyed(t.Context(), k, 1, func(context.Context) (int, error) { return 1, nil })
		})
		assert.PanicsWithValue(t, want, func() { k.Len() })
		assert.PanicsWithValue(t, want, func() { _ = k.Close() })
		assert.PanicsWithValue(t, want, func() { _ = k.Shutdown(t.Context()) })
	}
}

func TestKeyedWithKeysThatCannotBeComparedIsNotLeftLocked(t *testing.T) {
	k := wrapper.NewKeyed(func(any) []wrapper.Layer { return nil })
	assert.Panics(t, func() { _ = k.Do(t.Context(), []int{1}, nothing) })
	assert.NoError(t, k.Do(t.Context(), 1, nothing))
	assert.Equal(t, 1, k.Len())

	broken := wrapper.NewKeyed(func(int) []wrapper.Layer { panic("a bug") })
	assert.PanicsWithValue(t, "a bug", func() { _ = broken.Do(t.Context(), 1, nothing) })
	assert.Zero(t, broken.Len(), "no key was made for it")
	assert.NoError(t, broken.Close(), "no call runs")
}

func ExampleNewKeyed() {
	all := semaphore.New(100) // for all hosts together
	hosts := wrapper.NewKeyed(func(host string) []wrapper.Layer {
		return []wrapper.Layer{breaker.New(breaker.ConsecutiveFailures(1)), all, semaphore.New(10)}
	})
	ctx := context.Background()
	_ = hosts.Do(ctx, "a.example", func(context.Context) error { return fmt.Errorf("connection refused") })
	fmt.Println(hosts.Do(ctx, "a.example", func(context.Context) error { return nil }))
	fmt.Println(hosts.Do(ctx, "b.example", func(context.Context) error { return nil }))
	// Output:
	// breaker: circuit open: connection refused
	// <nil>
}
