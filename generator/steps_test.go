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

func lefts[A, B any](seq iter.Seq2[A, B]) iter.Seq[A] {
	return func(yield func(A) bool) {
		for a := range seq {
			if !yield(a) {
				return
			}
		}
	}
}

func rights[A, B any](seq iter.Seq2[A, B]) iter.Seq[B] {
	return func(yield func(B) bool) {
		for _, b := range seq {
			if !yield(b) {
				return
			}
		}
	}
}

func TestTakeWhileAsksForOneMore(t *testing.T) {
	for n := range 5 {
		var c counted
		assert.Equal(t, upTo(n), slices.Collect(generator.TakeWhile(c.seq(10), func(v int) bool { return v < n })))
		assert.Equal(t, n+1, c.asked)
	}
}

func TestSkip(t *testing.T) {
	for _, n := range []int{math.MinInt, -1, 0} {
		assert.Equal(t, upTo(4), slices.Collect(generator.Skip(generator.Range(0, 4), n)))
	}
	assert.Equal(t, []int{3}, slices.Collect(generator.Skip(generator.Range(0, 4), 3)))
	assert.Empty(t, slices.Collect(generator.Skip(generator.Range(0, 4), 4)))
	assert.Empty(t, slices.Collect(generator.Skip(generator.Range(0, 4), math.MaxInt)))
	skip := generator.Skip(generator.Range(0, 4), 2)
	for range 2 {
		assert.Equal(t, []int{2, 3}, slices.Collect(skip), "no state is kept from one loop to the next")
	}
}

func TestSkipWhile(t *testing.T) {
	asked := 0
	even := generator.SkipWhile(slices.Values([]int{2, 4, 5, 6, 7}), func(v int) bool { asked++; return v%2 == 0 })
	assert.Equal(t, []int{5, 6, 7}, slices.Collect(even))
	assert.Equal(t, 3, asked, "only up to the first")
	assert.Equal(t, []int{5, 6, 7}, slices.Collect(even))
}

func TestFlatMap(t *testing.T) {
	got := slices.Collect(generator.FlatMap(generator.Range(0, 4), func(n int) iter.Seq[int] { return generator.Range(0, n) }))
	assert.Equal(t, []int{0, 0, 1, 0, 1, 2}, got)
}

func TestConcat(t *testing.T) {
	assert.Equal(t, []int{0, 1, 0, 1, 2}, slices.Collect(generator.Concat(generator.Range(0, 2), generator.Range(0, 0), generator.Range(0, 3))))
	assert.Empty(t, slices.Collect(generator.Concat[int]()))
}

func TestZipMakesNoValueUp(t *testing.T) {
	for a := range 4 {
		for b := range 4 {
			var left, right counted
			var got [][2]int
			for v, w := range generator.Zip(left.seq(a), right.seq(b)) {
				got = append(got, [2]int{v, w})
			}
			assert.Len(t, got, min(a, b))
			for i, pair := range got {
				assert.Equal(t, [2]int{i, i}, pair)
			}
			assert.True(t, left.ended)
			assert.True(t, right.ended || right.asked == 0)
		}
	}
}

func TestPairsAndBack(t *testing.T) {
	in := []string{"a", "b", "c"}
	var got []string
	for i, v := range generator.Unpair(generator.Filter(generator.Pairs(slices.All(in)), func(p generator.Pair[int, string]) bool { return p.Key != 1 })) {
		got = append(got, v)
		assert.Equal(t, in[i], v)
	}
	assert.Equal(t, []string{"a", "c"}, got)
	for i, v := range generator.Take2(generator.Filter2(slices.All(in), func(i int, _ string) bool { return i > 0 }), 1) {
		assert.Equal(t, 1, i)
		assert.Equal(t, "b", v)
	}
	for v, i := range generator.Map2(slices.All(in), func(i int, v string) (string, int) { return v + v, i }) {
		assert.Equal(t, in[i]+in[i], v)
	}
}

// A consumer that leaves a chain at any value leaves the whole chain.
func TestABreakGoesThroughEveryStep(t *testing.T) {
	steps := map[string]func(iter.Seq[int]) iter.Seq[int]{
		"Map":       func(s iter.Seq[int]) iter.Seq[int] { return generator.Map(s, func(n int) int { return n }) },
		"Filter":    func(s iter.Seq[int]) iter.Seq[int] { return generator.Filter(s, func(int) bool { return true }) },
		"Take":      func(s iter.Seq[int]) iter.Seq[int] { return generator.Take(s, 100) },
		"TakeWhile": func(s iter.Seq[int]) iter.Seq[int] { return generator.TakeWhile(s, func(int) bool { return true }) },
		"Skip":      func(s iter.Seq[int]) iter.Seq[int] { return generator.Skip(s, 0) },
		"SkipWhile": func(s iter.Seq[int]) iter.Seq[int] { return generator.SkipWhile(s, func(int) bool { return false }) },
		"FlatMap": func(s iter.Seq[int]) iter.Seq[int] {
			return generator.FlatMap(s, func(n int) iter.Seq[int] { return generator.Range(n, n+1) })
		},
		"FlatMap inner": func(s iter.Seq[int]) iter.Seq[int] {
			return generator.FlatMap(generator.Range(0, 1), func(int) iter.Seq[int] { return s })
		},
		"Concat":        func(s iter.Seq[int]) iter.Seq[int] { return generator.Concat(s, s) },
		"Concat second": func(s iter.Seq[int]) iter.Seq[int] { return generator.Concat(generator.Range(0, 0), s) },
		"Zip left":      func(s iter.Seq[int]) iter.Seq[int] { return lefts(generator.Zip(s, generator.Repeat(0))) },
		"Zip right":     func(s iter.Seq[int]) iter.Seq[int] { return rights(generator.Zip(generator.Repeat(0), s)) },
		"Peekable":      func(s iter.Seq[int]) iter.Seq[int] { return lefts(generator.Peekable(s)) },
		"Pairs": func(s iter.Seq[int]) iter.Seq[int] {
			return lefts(generator.Unpair(generator.Pairs(generator.Zip(s, generator.Repeat(0)))))
		},
		"Map2": func(s iter.Seq[int]) iter.Seq[int] {
			return rights(generator.Map2(generator.Zip(s, generator.Repeat(0)), func(a, b int) (int, int) { return b, a }))
		},
		"Filter2": func(s iter.Seq[int]) iter.Seq[int] {
			return lefts(generator.Filter2(generator.Zip(s, generator.Repeat(0)), func(int, int) bool { return true }))
		},
		"Take2": func(s iter.Seq[int]) iter.Seq[int] {
			return lefts(generator.Take2(generator.Zip(s, generator.Repeat(0)), 9))
		},
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
				got = nil
				for v := range step(c.seq(5)) {
					got = append(got, v)
					if len(got) == 5 {
						break // Concat has it twice
					}
				}
				assert.Equal(t, upTo(5), got)
			}
		})
	}
}

// The caller may use its slice again.
func TestSequencesAreTakenWhenTheyAreGiven(t *testing.T) {
	for name, join := range map[string]func(...iter.Seq[int]) iter.Seq[int]{
		"Concat": generator.Concat[int], "Merge": generator.Merge[int],
	} {
		seqs := []iter.Seq[int]{generator.Range(0, 2)}
		joined := join(seqs...)
		seqs[0] = nil
		assert.Equal(t, []int{0, 1}, slices.Collect(joined), name)
	}
}
