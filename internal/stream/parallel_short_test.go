package stream_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

func TestAShortInputDoesNotPayForALargeWindow(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		once := func(window int) func() {
			return func() {
				p := stream.NewParallel[int, int](stream.Config{Workers: 2, Window: window, Unordered: unordered})
				require.NoError(t, p.Run(t.Context(), upTo(1), plusThree, func(int64, int) bool { return true }))
			}
		}
		small, large := bytesPerRun(once(32)), bytesPerRun(once(4096))
		assert.LessOrEqual(t, large, small+2*4096/32*8+1024, "unordered %v: a pointer for 32 places", unordered)
	}
}

// bytesPerRun is what f allocates.
func bytesPerRun(f func()) uint64 {
	const runs = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// Windows around the sizes of blocks, and inputs that go round them more than once.
func TestPlacesAreMadeAsTheyAreReached(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		for _, window := range []int{1, 2, 31, 32, 33, 63, 64, 65, 100, 4096} {
			for _, n := range []int{0, 1, 31, 32, 33, 64, 65, 500, 2*window + 1} {
				p := stream.NewParallel[int, int](stream.Config{Workers: 3, Window: window, Unordered: unordered})
				seen := make([]bool, n)
				require.NoError(t, p.Run(t.Context(), upTo(n), plusThree, func(i int64, v int) bool {
					require.EqualValues(t, i+3, v)
					require.False(t, seen[i])
					seen[i] = true
					return true
				}))
				require.NotContains(t, seen, false)
			}
		}
	}
}
