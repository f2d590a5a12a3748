package generator_test

import (
	"iter"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/generator"
)

// counted is 0, 1, 2 ... and counts how many were asked for, and whether its
// loop was left to its end.
type counted struct {
	asked int
	ended bool
}

func (c *counted) seq(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer func() { c.ended = true }()
		for i := range n {
			c.asked++
			if !yield(i) {
				return
			}
		}
	}
}

func TestRange(t *testing.T) {
	assert.Equal(t, []int{2, 3, 4}, slices.Collect(generator.Range(2, 5)))
	assert.Empty(t, slices.Collect(generator.Range(5, 5)))
	assert.Empty(t, slices.Collect(generator.Range(5, 2)))
	assert.Equal(t, []int8{math.MinInt8, math.MinInt8 + 1}, slices.Collect(generator.Range[int8](math.MinInt8, math.MinInt8+2)))
	assert.Equal(t, []int64{math.MaxInt64 - 1}, slices.Collect(generator.Range[int64](math.MaxInt64-1, math.MaxInt64)))
	n := 0
	for range generator.Range[uint8](0, math.MaxUint8) {
		n++
	}
	assert.Equal(t, 255, n, "no overflow into an endless loop")
}

func TestMapAndFilter(t *testing.T) {
	even := generator.Filter(generator.Range(0, 10), func(n int) bool { return n%2 == 0 })
	half := generator.Map(even, func(n int) float64 { return float64(n) / 4 })
	assert.Equal(t, []float64{0, 0.5, 1, 1.5, 2}, slices.Collect(half))
	assert.Equal(t, []float64{0, 0.5, 1, 1.5, 2}, slices.Collect(half), "again: the steps keep no state")
}

func TestTakeAsksForNoMoreThanItGives(t *testing.T) {
	for n := range 5 {
		var c counted
		got := slices.Collect(generator.Take(c.seq(3), n))
		assert.Equal(t, upTo(min(n, 3)), got)
		assert.Equal(t, min(n, 3), c.asked)
	}
	var c counted
	assert.Empty(t, slices.Collect(generator.Take(c.seq(3), math.MinInt)))
	assert.Zero(t, c.asked)
}

func TestChunk(t *testing.T) {
	assert.Equal(t, [][]int{{0, 1}, {2, 3}, {4}}, slices.Collect(generator.Chunk(generator.Range(0, 5), 2)))
	assert.Equal(t, [][]int{{0, 1}, {2, 3}}, slices.Collect(generator.Chunk(generator.Range(0, 4), 2)), "never an empty one")
	assert.Empty(t, slices.Collect(generator.Chunk(generator.Range(0, 0), 2)))
	assert.Equal(t, [][]int{{0, 1, 2}}, slices.Collect(generator.Chunk(generator.Range(0, 3), math.MaxInt)), "no memory for what is not there")
	for _, n := range []int{0, -1} {
		assert.Panics(t, func() { generator.Chunk(generator.Range(0, 3), n) })
	}
}

// A consumer that leaves a chain at any value leaves the whole chain.
func TestABreakGoesThroughEveryStep(t *testing.T) {
	steps := map[string]func(iter.Seq[int]) iter.Seq[int]{
		"Map":    func(s iter.Seq[int]) iter.Seq[int] { return generator.Map(s, func(n int) int { return n }) },
		"Filter": func(s iter.Seq[int]) iter.Seq[int] { return generator.Filter(s, func(int) bool { return true }) },
		"Take":   func(s iter.Seq[int]) iter.Seq[int] { return generator.Take(s, 100) },
		"Chunk": func(s iter.Seq[int]) iter.Seq[int] {
			return generator.Map(generator.Chunk(s, 1), func(c []int) int { return c[0] })
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			for at := range 5 {
				var c counted
				var got []int
				for v := range step(c.seq(5)) {
					got = append(got, v)
					if v == at {
						break
					}
				}
				assert.Equal(t, upTo(at+1), got)
				assert.Equal(t, at+1, c.asked)
				assert.True(t, c.ended)
			}
		})
	}
}
