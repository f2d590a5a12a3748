package generator_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

func TestWhatNobodyCanMeanPanics(t *testing.T) {
	var noContext context.Context
	tests := []struct {
		name, message string
		call          func()
	}{
		{"nil context", "generator: ctx must not be nil; use context.Background()", func() { generator.New(noContext, count(1)) }},
		{"nil producer", "generator: produce must not be nil", func() { generator.New[int](t.Context(), nil) }},
		{"nil iterator", "generator: seq must not be nil", func() { generator.From[int](t.Context(), nil) }},
		{"negative buffer", "generator: Buffer must be between 0 and 1048576, got -1", func() { generator.Buffer(-1) }},
		{"huge buffer", "generator: Buffer must be between 0 and 1048576, got 1048577", func() { generator.Buffer(generator.MaxBuffer + 1) }},
		{"empty batch", "generator: batch size must be at least 1, got 0", func() { generator.New(t.Context(), count(1)).Batches(0) }},
		{"empty chunk", "generator: chunk size must be at least 1, got -2", func() { generator.Chunk(generator.Range(0, 1), -2) }},
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
