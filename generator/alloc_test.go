package generator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

// The cost of a generator does not grow with its values.
func TestAValueAllocatesNothing(t *testing.T) {
	tests := []struct {
		name string
		opts []generator.Option
	}{
		{"unbuffered", nil},
		{"prefetched", []generator.Option{generator.Buffer(16)}},
	}
	for _, tt := range tests {
		t.Run("Next/"+tt.name, func(t *testing.T) {
			g := generator.New(t.Context(), count(endless), tt.opts...)
			defer g.Close()
			_, ok := g.Next()
			require.True(t, ok)
			assert.Zero(t, testing.AllocsPerRun(2000, func() { g.Next() }))
		})
		t.Run("All/"+tt.name, func(t *testing.T) {
			loop := func(n int) float64 {
				return testing.AllocsPerRun(20, func() {
					for range generator.New(t.Context(), count(n), tt.opts...).All() {
					}
				})
			}
			assert.InDelta(t, loop(10), loop(10_000), 3)
		})
	}
}
