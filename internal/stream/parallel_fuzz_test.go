package stream_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

// FuzzParallelAgainstALoop compares a run with the loop that it stands for:
// items, an error at one index, a break at another.
func FuzzParallelAgainstALoop(f *testing.F) {
	f.Add(uint16(10), uint8(3), uint8(0), int16(-1), int16(-1), false)
	f.Add(uint16(900), uint8(1), uint8(1), int16(500), int16(-1), false)
	f.Add(uint16(900), uint8(8), uint8(7), int16(-1), int16(300), true)
	f.Fuzz(func(t *testing.T, n uint16, workers, window uint8, failAt, breakAt int16, unordered bool) {
		items := int(n % 2000)
		var want []int
		var wantErr error
		for i := range items {
			if i == int(failAt) {
				wantErr = errBoom
				break
			}
			want = append(want, i)
			if i == int(breakAt) {
				break
			}
		}
		var got []int
		err := stream.NewParallel[int, int](stream.Config{Workers: int(workers%16) + 1, Window: int(window), Unordered: unordered}).
			Run(t.Context(), upTo(items), func(_ context.Context, i int64, v int) (int, error) {
				if rand.IntN(8) == 0 {
					runtime.Gosched()
				}
				if i == int64(failAt) {
					return -1, errBoom
				}
				return v, nil
			}, func(_ int64, v int) bool {
				got = append(got, v)
				return v != int(breakAt)
			})
		if !unordered {
			require.Equal(t, wantErr, err)
			require.Equal(t, want, got)
			return
		}
		if failAt < 0 && breakAt < 0 {
			require.NoError(t, err)
			require.ElementsMatch(t, want, got)
		}
		require.NotContains(t, got, -1)
	})
}
