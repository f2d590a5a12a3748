package generator_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

var errSource = errors.New("source failed")

// count yields 0, 1, 2 and so on up to n-1.
func count(n int) func(context.Context, func(int) bool) error {
	return func(_ context.Context, yield func(int) bool) error {
		for i := 0; i < n && yield(i); i++ {
		}
		return nil
	}
}

const endless = math.MaxInt

// modes runs f as a subtest for each way to run a producer. make has the options
// of the mode, and pulled tells that f must take the first value with Next.
func modes(t *testing.T, f func(t *testing.T, opts ...generator.Option)) {
	t.Helper()
	t.Run("mode=unbuffered", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t) }) })
	for _, n := range []int{1, 2, 64} {
		t.Run(fmt.Sprintf("mode=buffer-%d", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, generator.Buffer(n)) })
		})
	}
}

func TestNextGivesTheValuesInOrder(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(100), opts...)
		for i := range 100 {
			v, ok := g.Next()
			require.True(t, ok)
			require.Equal(t, i, v)
			require.NoError(t, g.Err())
		}
		for range 3 {
			v, ok := g.Next()
			assert.False(t, ok)
			assert.Zero(t, v)
		}
		assert.NoError(t, g.Err())
	})
}

func TestNothingRunsBeforeTheFirstPull(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		started := false
		g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
			started = true
			yield(1)
			return nil
		}, opts...)
		all, batches := g.All(), g.Batches(2)
		synctest.Wait()
		assert.False(t, started)
		_, _ = all, batches
		g.Close()
		assert.False(t, started, "nor because of Close")
		_, ok := g.Next()
		assert.False(t, ok)
		assert.NoError(t, g.Err())
	})
}

func TestCollect(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(5), opts...)
		v, ok := g.Next()
		require.True(t, ok)
		assert.Zero(t, v)
		rest, err := g.Collect()
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 3, 4}, rest)
		rest, err = g.Collect()
		require.NoError(t, err)
		assert.Empty(t, rest)

		all, err := generator.New(t.Context(), count(3), opts...).Collect()
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1, 2}, all)
	})
}

func TestAnErrorComesAfterTheValuesBeforeIt(t *testing.T) {
	produce := func(_ context.Context, yield func(int) bool) error {
		yield(1)
		yield(2)
		return errSource
	}
	modes(t, func(t *testing.T, opts ...generator.Option) {
		got, err := generator.New(t.Context(), produce, opts...).Collect()
		assert.ErrorIs(t, err, errSource)
		assert.Equal(t, []int{1, 2}, got)

		g := generator.New(t.Context(), produce, opts...)
		got, err = g.CollectN(2)
		assert.NoError(t, err)
		assert.Equal(t, []int{1, 2}, got)
		got, err = g.CollectN(2)
		assert.ErrorIs(t, err, errSource)
		assert.Empty(t, got)
		got, err = g.Collect()
		assert.ErrorIs(t, err, errSource, "again, not a silent end")
		assert.Empty(t, got)

		g = generator.New(t.Context(), produce, opts...)
		assert.Equal(t, []int{1, 2}, slices.Collect(g.All()))
		assert.ErrorIs(t, g.Err(), errSource)

		g = generator.New(t.Context(), produce, opts...)
		assert.Equal(t, [][]int{{1, 2}}, slices.Collect(g.Batches(3)))
		assert.ErrorIs(t, g.Err(), errSource)
	})
}

func TestABreakEndsTheGenerator(t *testing.T) {
	loops := map[string]func(g *generator.Generator[int]) int{
		"All": func(g *generator.Generator[int]) int {
			for v := range g.All() {
				return v
			}
			return -1
		},
		"Batches": func(g *generator.Generator[int]) int {
			for b := range g.Batches(3) {
				return b[0]
			}
			return -1
		},
	}
	for name, loop := range loops {
		for _, pulled := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%s/pulled=%d", name, pulled), func(t *testing.T) {
				modes(t, func(t *testing.T, opts ...generator.Option) {
					ended := false
					g := generator.New(t.Context(), func(ctx context.Context, yield func(int) bool) error {
						defer func() { ended = true }()
						_ = count(endless)(ctx, yield)
						return errSource // nobody wants it any more
					}, opts...)
					for range pulled {
						_, ok := g.Next()
						require.True(t, ok)
					}
					assert.Equal(t, pulled, loop(g))
					assert.True(t, ended, "the producer's defers have run")
					_, ok := g.Next()
					assert.False(t, ok)
					assert.NoError(t, g.Err())
				})
			})
		}
	}
}
