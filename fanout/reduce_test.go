package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

func TestReduceKeepsTheOrderOfItsItems(t *testing.T) {
	join := func(_ context.Context, a, b string) (string, error) { return a + b, nil } // associative, not commutative
	for _, w := range ways {
		for n := 1; n < 200; n = n*3/2 + 1 {
			items := make([]string, n)
			for i := range items {
				items[i] = fmt.Sprint(i, " ")
			}
			got, err := fanout.Reduce(t.Context(), items, join, w.opts...)
			require.NoError(t, err)
			require.Equal(t, strings.Join(items, ""), got)
			require.Equal(t, "0 ", items[0], "the items are left as they were")
		}
	}
}

func TestReduceOfNothingHasNoResult(t *testing.T) {
	never := func(context.Context, int, int) (int, error) { panic("ran") }
	_, err := fanout.Reduce(t.Context(), nil, never)
	require.ErrorIs(t, err, fanout.ErrEmpty)
	one, err := fanout.Reduce(t.Context(), []int{7}, never)
	require.NoError(t, err)
	require.Equal(t, 7, one)
}

func TestReduceStopsAtEveryIndexForEveryReason(t *testing.T) {
	for _, w := range ways {
		for k := 1; k < 20; k++ {
			ctx, cancel := context.WithCancel(t.Context())
			for _, reason := range []string{"error", "cancel", "panic", "goexit"} {
				var g gauge
				var err error
				end := testkit.Run(func() {
					var v []int
					v, err = fanout.Reduce(ctx, singles(20), func(ctx context.Context, a, b []int) ([]int, error) {
						defer g.enter()()
						if b[0] != k {
							return append(slices.Clip(a), b...), nil
						}
						switch reason {
						case "error":
							return a, errBoom
						case "panic":
							panic(errBoom)
						case "goexit":
							runtime.Goexit()
						}
						cancel()
						return a, ctx.Err()
					}, w.opts...)
					assert.Nil(t, v)
				})
				g.quiet(t)
				switch reason {
				case "error":
					item, ok := errors.AsType[*fanout.ItemError](err)
					require.True(t, ok)
					require.Equal(t, k, item.Index)
				case "panic":
					require.True(t, end.Panicked)
				case "goexit":
					require.True(t, end.Exited)
				default:
					require.Equal(t, context.Canceled, err)
				}
				if reason == "cancel" {
					ctx, cancel = context.WithCancel(t.Context())
				}
			}
			cancel()
		}
	}
}

// singles are the indices up to n, each in a slice of its own.
func singles(n int) [][]int {
	out := make([][]int, n)
	for i := range out {
		out[i] = []int{i}
	}
	return out
}

func TestReduceRunsCallsAtOnceInEveryRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		sum, err := fanout.Reduce(t.Context(), upTo(64), func(_ context.Context, a, b int) (int, error) {
			time.Sleep(time.Second)
			return a + b, nil
		}, fanout.Workers(32))
		require.NoError(t, err)
		require.Equal(t, 64*63/2, sum)
		require.Equal(t, 6*time.Second, time.Since(start), "the depth of the tree, not its size")
	})
}

func TestReduceHeedsItsThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n, want := range map[int]time.Duration{63: 62 * time.Second, 64: 6 * time.Second} {
			start := time.Now()
			_, err := fanout.Reduce(t.Context(), upTo(n), func(_ context.Context, a, b int) (int, error) {
				time.Sleep(time.Second)
				return a + b, nil
			}, fanout.Workers(32), fanout.Threshold(64))
			require.NoError(t, err)
			require.Equal(t, want, time.Since(start))
		}
	})
}

func TestReduceHeedsItsOptions(t *testing.T) {
	var last atomic.Int64
	sum, err := fanout.Reduce(t.Context(), upTo(100), func(_ context.Context, a, b int) (int, error) { return a + b, nil },
		fanout.Progress(func(done, total int) {
			assert.Equal(t, 99, total)
			last.Store(int64(done))
		}), fanout.Workers(4), fanout.Guard(layer{func(ctx context.Context, fn func(context.Context) error) error {
			_ = fn(ctx)
			return fn(ctx)
		}}))
	require.NoError(t, err)
	require.Equal(t, 4950, sum)
	require.EqualValues(t, 99, last.Load())
	_, err = fanout.Reduce(t.Context(), upTo(100), func(context.Context, int, int) (int, error) { panic(errBoom) }, fanout.PanicsAsErrors())
	require.ErrorIs(t, err, errBoom)
}

func TestMapValuesGivesEveryResultByKey(t *testing.T) {
	for _, w := range ways {
		ages := map[string]int{"ada": 36, "alan": 41, "grace": 85}
		got, err := fanout.MapValues(t.Context(), ages, func(_ context.Context, name string, age int) (string, error) {
			return fmt.Sprint(name, age), nil
		}, w.opts...)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"ada": "ada36", "alan": "alan41", "grace": "grace85"}, got)
		got, err = fanout.MapValues(t.Context(), nil, func(context.Context, string, int) (string, error) { panic("ran") }, w.opts...)
		require.NoError(t, err)
		require.Equal(t, map[string]string{}, got)
	}
}

func TestAnErrorOfMapValuesNamesItsKey(t *testing.T) {
	f := func(_ context.Context, name string, age int) (int, error) {
		if age > 40 {
			return 0, errBoom
		}
		return age, nil
	}
	got, err := fanout.MapValues(t.Context(), map[string]int{"ada": 36, "alan": 41}, f)
	require.Nil(t, got)
	require.EqualError(t, err, "fanout: key alan: boom")
	key, ok := errors.AsType[*fanout.KeyError[string]](err)
	require.True(t, ok)
	require.Equal(t, "alan", key.Key)
	item, ok := errors.AsType[*fanout.ItemError](err)
	require.True(t, ok)
	require.Equal(t, -1, item.Index)

	_, err = fanout.MapValues(t.Context(), map[string]int{"ada": 36, "alan": 41}, f, fanout.CollectErrors())
	require.EqualError(t, err, "fanout: 1 failed; key alan: boom")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = fanout.MapValues(ctx, map[string]int{"ada": 36}, f)
	require.Equal(t, context.Canceled, err)
}
