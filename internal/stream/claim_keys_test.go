package stream_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

// keyedRun runs n items by key and returns the indices in the order of delivery.
func keyedRun(t *testing.T, c stream.Config, n int, key func(int) int, f func(ctx context.Context, i int) error) ([]int64, error) {
	t.Helper()
	p := stream.NewParallel[int, int](c)
	stream.ByKey(p, key)
	var order []int64
	err := p.Run(t.Context(), func(_ context.Context, yield func(int) bool) error {
		for i := range n {
			if !yield(i) {
				break
			}
		}
		return nil
	}, func(ctx context.Context, _ int64, i int) (int, error) {
		return i, f(ctx, i)
	}, func(i int64, v int) bool {
		assert.EqualValues(t, i, v)
		order = append(order, i)
		return true
	})
	return order, err
}

func TestItemsOfAKeyRunInOrderAndNeverAtOnce(t *testing.T) {
	for _, c := range []stream.Config{
		{}, {Workers: 1}, {Workers: 8}, {Workers: 8, Window: 3}, {Workers: 8, Unordered: true}, {Workers: 3, Window: 1, Unordered: true},
	} {
		const n, keys = 2000, 7
		var running [keys]atomic.Int64
		last := [keys]int{-1, -1, -1, -1, -1, -1, -1} // no lock: the race detector tells if there is an edge
		order, err := keyedRun(t, c, n, func(i int) int { return i * i % keys }, func(_ context.Context, i int) error {
			k := i * i % keys
			assert.EqualValues(t, 1, running[k].Add(1))
			assert.Less(t, last[k], i)
			last[k] = i
			running[k].Add(-1)
			return nil
		})
		require.NoError(t, err)
		require.Len(t, order, n)
		if !c.Unordered {
			for i := range n {
				require.EqualValues(t, i, order[i])
			}
		}
	}
}

func TestDifferentKeysRunAtOnceBehindAHotOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := keyedRun(t, stream.Config{Workers: 4, Unordered: true}, 40, func(i int) int {
			if i < 20 {
				return 0 // the hot one comes first
			}
			return i
		}, func(_ context.Context, i int) error {
			time.Sleep(time.Second)
			return nil
		})
		require.NoError(t, err)
		// 20 s for the hot key by one worker; meanwhile the others do the rest.
		require.Equal(t, 20*time.Second, time.Since(start))
	})
}

func TestAnErrorOfAKeyedItemEndsWhereAPlainLoopWould(t *testing.T) {
	for k := range 60 {
		order, err := keyedRun(t, stream.Config{Workers: 4}, 60, func(i int) int { return i % 3 }, func(_ context.Context, i int) error {
			if i >= k && i%5 == k%5 {
				return assert.AnError
			}
			return nil
		})
		require.Equal(t, assert.AnError, err)
		require.Len(t, order, k)
	}
}

func TestKeysThatNoMapFindsAgainAreKeysOfTheirOwn(t *testing.T) {
	p := stream.NewParallel[int, int](stream.Config{Workers: 2, Window: 4})
	stream.ByKey(p, func(int) float64 { return math.NaN() })
	n := 0
	require.NoError(t, p.Run(t.Context(), func(_ context.Context, yield func(int) bool) error {
		for i := 0; i < 1000 && yield(i); i++ {
		}
		return nil
	}, func(_ context.Context, _ int64, i int) (int, error) { return i, nil }, func(int64, int) bool { n++; return true }))
	require.Equal(t, 1000, n)
}

func TestAPanicOfTheKeyIsOneOfTheSource(t *testing.T) {
	p := stream.NewParallel[int, int](stream.Config{FaultErrors: true})
	stream.ByKey(p, func(i int) int { return 1 / i })
	err := p.Run(t.Context(), func(_ context.Context, yield func(int) bool) error {
		_ = yield(1) && yield(0)
		return nil
	}, func(_ context.Context, _ int64, i int) (int, error) { return i, nil }, func(int64, int) bool { return true })
	require.ErrorContains(t, err, "divide by zero")
}

func FuzzByKey(f *testing.F) {
	f.Add(uint64(1), 50, 3, 4, 8, 25, false)
	f.Add(uint64(2), 200, 1, 2, 2, -1, true)
	f.Fuzz(func(t *testing.T, seed uint64, n, keys, workers, window, failAt int, unordered bool) {
		n, keys, workers, window = bound(n, 0, 300), bound(keys, 1, 20), bound(workers, 1, 16), bound(window, 1, 64)
		r := rand.New(rand.NewPCG(seed, 0))
		key := make([]int, n)
		for i := range key {
			key[i] = r.IntN(keys)
		}
		last := make([]int, keys)
		order, err := keyedRun(t, stream.Config{Workers: workers, Window: window, Unordered: unordered}, n,
			func(i int) int { return key[i] },
			func(_ context.Context, i int) error {
				assert.LessOrEqual(t, last[key[i]], i) // a plain slice: only the order of a key orders its element
				last[key[i]] = i
				if i == failAt {
					return assert.AnError
				}
				return nil
			})
		if failAt >= 0 && failAt < n {
			require.Equal(t, assert.AnError, err)
			if !unordered {
				require.Len(t, order, failAt)
			}
			return
		}
		require.NoError(t, err)
		require.Len(t, order, n)
	})
}

func bound(v, low, high int) int {
	return low + int(uint(v)%uint(high-low+1)) //nolint:gosec // any value will do
}
