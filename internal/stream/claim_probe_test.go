package stream_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

// steps probes n items and returns the range of each step, and the Probe at its end.
func steps(n, workers int, takes func(i int) time.Duration) ([][2]int, *stream.Probe) {
	var p stream.Probe
	var ran [][2]int
	p.Begin(n, workers)
	for more := true; more; more = p.More() {
		for i := p.Lo; i < p.Hi; i++ {
			time.Sleep(takes(i))
		}
		ran = append(ran, [2]int{p.Lo, p.Hi})
	}
	return ran, &p
}

func TestAProbeTakesTheFirstItemAloneAndThenMoreTheFasterTheyAre(t *testing.T) {
	const ns = time.Nanosecond
	tests := []struct {
		name  string
		n     int
		takes time.Duration
		want  [][2]int
		chunk int
	}{
		{"none", 0, ns, [][2]int{{0, 0}}, 0},
		{"one", 1, time.Hour, [][2]int{{0, 1}}, 0},
		{"ten of no time", 10, 0, [][2]int{{0, 1}, {1, 10}}, 0},
		{"a hundred of no time", 100, 0, [][2]int{{0, 1}, {1, 9}, {9, 73}, {73, 94}, {94, 100}}, 0},
		{"2 µs at a time", 100, 300 * ns, [][2]int{{0, 1}, {1, 7}}, 66},
		{"at most what 2 µs hold", 30, 50 * ns, [][2]int{{0, 1}, {1, 9}, {9, 25}, {25, 30}}, 0},
		{"slow", 100, time.Millisecond, [][2]int{{0, 1}}, 1},
		{"two slow ones", 2, time.Second, [][2]int{{0, 1}}, 1},
		{"not worth another goroutine", 4, 3000 * ns, [][2]int{{0, 1}, {1, 4}}, 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			got, p := steps(tt.n, 4, func(int) time.Duration { return tt.takes })
			require.Equal(t, tt.want, got, tt.name)
			require.Equal(t, tt.want[len(tt.want)-1][1], p.Lo, tt.name)
			require.Equal(t, tt.chunk, p.Chunk, tt.name)
		})
	}
}

func TestAProbeOfOneWorkerRunsEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, p := steps(1000, 1, func(int) time.Duration { return time.Second })
		require.Equal(t, [][2]int{{0, 1000}}, got)
		require.Equal(t, 1000, p.Lo)
	})
}

// Behind fast items slow ones may come. How many of them run one after the other
// before others help is bounded wherever they begin: by three quarters of what was left
// then and two more, by eight times as many as had run, and by 2 µs at their pace.
func TestItemsThatTurnOutSlowSoonFindOtherWorkers(t *testing.T) {
	for _, fast := range []time.Duration{0, 3, 40, 200} {
		for _, n := range []int{2, 3, 5, 8, 10, 11, 12, 20, 50, 100, 1000} {
			for _, k := range []int{1, 2, 3, 5, 8, 9, 10, 40, 100, 500} {
				if k >= n {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					got, p := steps(n, 4, func(i int) time.Duration { return pick(i < k, fast, time.Second) })
					last := got[len(got)-1]
					left := n - last[0]
					require.LessOrEqual(t, last[1]-last[0], min(left-left/4, 8*last[0])+2, "%v: %d fast of %d", fast, k, n)
					if fast > 0 && last[0] > 0 {
						require.LessOrEqual(t, last[1]-last[0], int(2000/fast)+2)
					}
					require.Equal(t, last[1], p.Lo)
					if k < p.Lo && p.Lo < n {
						require.Equal(t, 1, p.Chunk, "slow ones were seen")
					}
				})
			}
		}
	}
}

// Items of no size make a slice of any length.
func TestAProbeOfAsManyItemsAsThereCanBeEnds(t *testing.T) {
	for _, n := range []int{math.MaxInt, math.MaxInt/2 + 1, math.MaxInt / 4} {
		for _, spent := range []time.Duration{0, 251, 1999} {
			synctest.Test(t, func(t *testing.T) {
				var p stream.Probe
				p.Begin(n, 4)
				time.Sleep(spent)
				ran := 0
				for steps, more := 0, true; more; more = p.More() {
					require.Equal(t, ran, p.Lo, "%d items", n)
					require.Greater(t, p.Hi, p.Lo, "%d items", n)
					ran = p.Hi
					steps++
					require.Less(t, steps, 1000, "%d items", n)
				}
				require.Equal(t, n, p.Lo)
			})
		}
	}
}
