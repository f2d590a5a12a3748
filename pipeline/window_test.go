package pipeline_test

import (
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func TestSlideAgainstALoop(t *testing.T) {
	for n := range 12 {
		for size := 1; size <= 5; size++ {
			for step := 1; step <= 6; step++ {
				var want [][]int
				for i := 0; i+size <= n; i += step {
					want = append(want, upTo(n)[i:i+size])
				}
				got, err := pipeline.Slide(pipeline.New[int](), size, step).Collect(t.Context(), numbers(n))
				require.NoError(t, err)
				assert.Equal(t, want, got, "n=%d size=%d step=%d", n, size, step)
			}
		}
	}
}

func TestAWindowBelongsToItsReceiver(t *testing.T) {
	for w, err := range pipeline.Slide(pipeline.New[int](), 3, 1).Stream(t.Context(), numbers(20)) {
		require.NoError(t, err)
		assert.Equal(t, []int{w[0], w[0] + 1, w[0] + 2}, w)
		w[1], w[2] = -1, -1
		_ = append(w, -1)
	}
}

func TestSlideTime(t *testing.T) {
	s := time.Second
	tests := []struct {
		name          string
		length, every time.Duration
		limit         int
		pauses        []time.Duration
		want          [][]int
		at            []time.Duration
	}{
		{"tumbling", 10 * s, 10 * s, 100, []time.Duration{s, 3 * s, 3 * s, 3 * s, 3 * s, 20 * s},
			[][]int{{0, 1, 2, 3}, {4}, {5}}, []time.Duration{11 * s, 21 * s, 33 * s}},
		{"sliding", 10 * s, 5 * s, 100, []time.Duration{0, 4 * s, 4 * s, 4 * s},
			[][]int{{0, 1}, {0, 1, 2}, {3}}, []time.Duration{5 * s, 10 * s, 12 * s}},
		{"limited", 10 * s, 10 * s, 2, []time.Duration{0, s, s, s, 20 * s}, [][]int{{2, 3}, {4}}, []time.Duration{10 * s, 23 * s}},
		{"nothing", 10 * s, 10 * s, 2, nil, nil, nil},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var got [][]int
			var at []time.Duration
			for w, err := range pipeline.SlideTime(pipeline.New[int](), tt.length, tt.every, tt.limit).Stream(t.Context(), paced(tt.pauses...)) {
				require.NoError(t, err)
				got = append(got, w)
				at = append(at, time.Since(begin))
			}
			assert.Equal(t, tt.want, got, tt.name)
			assert.Equal(t, tt.at, at, tt.name)
		})
	}
	one, err := pipeline.SlideTime(pipeline.New[int](), time.Hour, time.Hour, 5).Execute(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, []int{7}, one)
}

func TestSlideTimeStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 2 {
			n := 0
			for w, err := range pipeline.SlideTime(pipeline.New[int](), time.Minute, time.Minute, 5).Stream(t.Context(), paced(slices.Repeat([]time.Duration{time.Second}, 500)...)) {
				require.NoError(t, err)
				assert.LessOrEqual(t, len(w), 5)
				if n++; n == 2 {
					break
				}
			}
			assert.Equal(t, 2, n)
		}
	})
}

func TestMergeTakesFromSeveralSequencesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m := time.Minute
		seqs := []iter.Seq[int]{paced(m, m, m), nil, paced(m/2, m, m), numbers(0)}
		got, err := pipeline.Merge[int](4).Collect(t.Context(), slices.Values(seqs))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 0, 1, 1, 2, 2}, got)
		assert.Equal(t, 3*m, time.Since(begin))
	})
}

func TestBadWindowsPanic(t *testing.T) {
	base := pipeline.New[int]()
	assert.PanicsWithValue(t, "pipeline: size and step of Slide must be between 1 and 1073741824, got 0 and 1", func() { pipeline.Slide(base, 0, 1) })
	assert.PanicsWithValue(t, "pipeline: length and every of SlideTime must be positive, got 1s and 0s", func() { pipeline.SlideTime(base, time.Second, 0, 1) })
	assert.PanicsWithValue(t, "pipeline: the limit of SlideTime must be between 1 and 1073741824, got 0", func() { pipeline.SlideTime(base, 1, 1, 0) })
	assert.PanicsWithValue(t, "pipeline: Merge must read between 1 and 1073741824 sequences at once, got 0", func() { pipeline.Merge[int](0) })
}

// TestAShortInputOfASlideTimeIsNotLost: all of it may come before the stage looks
// for the first time.
func TestAShortInputOfASlideTimeIsNotLost(t *testing.T) {
	p := pipeline.SlideTime(pipeline.New[int](), time.Hour, time.Hour, 10)
	for range 20_000 {
		got, err := p.Collect(t.Context(), numbers(2))
		require.NoError(t, err)
		require.Equal(t, [][]int{{0, 1}}, got)
	}
}
