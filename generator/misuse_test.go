package generator_test

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

func TestWhatNobodyCanMeanPanics(t *testing.T) {
	var noContext context.Context
	var (
		noSeq  iter.Seq[int]
		noSeq2 iter.Seq2[int, int]
		some   = generator.Range(0, 1)
	)
	tests := []struct {
		name, message string
		call          func()
	}{
		{"nil context", "generator: ctx must not be nil; use context.Background()", func() { generator.New(noContext, count(1)) }},
		{"nil producer", "generator: produce must not be nil", func() { generator.New[int](t.Context(), nil) }},
		{"nil option", "generator: an option must not be nil, number 1 is; leave it out", func() { generator.New(t.Context(), count(1), generator.Buffer(1), nil) }},
		{"nil iterator", "generator: seq must not be nil", func() { generator.From[int](t.Context(), nil) }},
		{"negative buffer", "generator: Buffer must be between 0 and 1048576, got -1", func() { generator.Buffer(-1) }},
		{"huge buffer", "generator: Buffer must be between 0 and 1048576, got 1048577", func() { generator.Buffer(generator.MaxBuffer + 1) }},
		{"empty batch", "generator: batch size must be at least 1, got 0", func() { generator.New(t.Context(), count(1)).Batches(0) }},
		{"empty chunk", "generator: chunk size must be at least 1, got -2", func() { generator.Chunk(generator.Range(0, 1), -2) }},
		{"FromSeq2", "generator: seq must not be nil", func() { generator.FromSeq2[int](t.Context(), nil) }},
		{"FromChan", "generator: channel must not be nil: nothing would ever come", func() { generator.FromChan[int](t.Context(), nil) }},
		{"FromFunc", "generator: next must not be nil", func() { generator.FromFunc[int](t.Context(), nil) }},
		{"Pages", "generator: fetch must not be nil", func() { generator.Pages[int](t.Context(), 0, nil) }},
		{"Ticks", "generator: period must be positive, got 0s", func() { generator.Ticks(t.Context(), 0) }},
		{"Iterate", "generator: next must not be nil", func() { generator.Iterate(1, nil) }},
		{"Map seq", "generator: seq must not be nil", func() { generator.Map(noSeq, func(int) int { return 0 }) }},
		{"Map f", "generator: f must not be nil", func() { generator.Map[int, int](some, nil) }},
		{"FlatMap", "generator: f must not be nil", func() { generator.FlatMap[int, int](some, nil) }},
		{"Filter", "generator: keep must not be nil", func() { generator.Filter(some, nil) }},
		{"Take", "generator: seq must not be nil", func() { generator.Take(noSeq, 1) }},
		{"TakeWhile", "generator: keep must not be nil", func() { generator.TakeWhile(some, nil) }},
		{"Skip", "generator: seq must not be nil", func() { generator.Skip(noSeq, 1) }},
		{"SkipWhile", "generator: skip must not be nil", func() { generator.SkipWhile(some, nil) }},
		{"Chunk", "generator: seq must not be nil", func() { generator.Chunk(noSeq, 1) }},
		{"Concat", "generator: sequence 1 must not be nil", func() { generator.Concat(some, noSeq) }},
		{"Merge", "generator: sequence 0 must not be nil", func() { generator.Merge(noSeq, some) }},
		{"Zip a", "generator: a must not be nil", func() { generator.Zip(noSeq, some) }},
		{"Zip b", "generator: b must not be nil", func() { generator.Zip(some, noSeq) }},
		{"Peekable", "generator: seq must not be nil", func() { generator.Peekable(noSeq) }},
		{"Pairs", "generator: seq must not be nil", func() { generator.Pairs(noSeq2) }},
		{"Unpair", "generator: seq must not be nil", func() { generator.Unpair[int, int](nil) }},
		{"Map2", "generator: f must not be nil", func() { generator.Map2[int, int, int, int](slices.All([]int{}), nil) }},
		{"Filter2", "generator: keep must not be nil", func() { generator.Filter2(slices.All([]int{}), nil) }},
		{"Take2", "generator: seq must not be nil", func() { generator.Take2(noSeq2, 1) }},
	}
	var zero generator.Generator[int]
	const unmade = "generator: a Generator must be made by New, From or another constructor, this one is a zero value"
	for name, call := range map[string]func(){
		"Next":        func() { zero.Next() },
		"NextContext": func() { _, _ = zero.NextContext(t.Context()) },
		"Peek":        func() { zero.Peek() },
		"Collect":     func() { _, _ = zero.Collect() },
		"CollectN":    func() { _, _ = zero.CollectN(1) },
		"All":         func() { _ = slices.Collect(zero.All()) },
		"Batches":     func() { _ = slices.Collect(zero.Batches(1)) },
		"Stream":      func() { _ = maps.Collect(zero.Stream()) },
		"Err":         func() { _ = zero.Err() },
		"Close":       func() { zero.Close() },
	} {
		t.Run("zero value, "+name, func(t *testing.T) { assert.PanicsWithValue(t, unmade, call) })
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.PanicsWithValue(t, tt.message, tt.call) })
	}
}

func TestCollectNClampsItsNumber(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(3), opts...)
		for _, n := range []int{0, -1, math.MinInt} {
			got, err := g.CollectN(n)
			require.NoError(t, err)
			assert.Empty(t, got)
		}
		got, err := g.CollectN(math.MaxInt)
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1, 2}, got, "and a huge one takes no memory for what is not there")
	})
}
