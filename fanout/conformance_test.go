package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

// The suite of this file (traps T3 and T8: no return while callbacks run, and the
// same on every path) runs over every function on slices and over every way
// in which their items can run: alone on the caller's goroutine, with one worker,
// with several, and by the default, which begins alone. What it asserts it asserts
// on return, and never eventually.

var errBoom = errors.New("boom")

// ways are the ways in which items can run.
var ways = []struct {
	name string
	opts []fanout.Option
}{
	{"alone", []fanout.Option{fanout.Workers(4), fanout.Threshold(1 << 20)}},
	{"default", nil},
	{"one worker", []fanout.Option{fanout.Workers(1)}},
	{"two workers", []fanout.Option{fanout.Workers(2)}},
	{"more workers than items", []fanout.Option{fanout.Workers(64)}},
}

// calls are the functions on slices that stop at the first error.
var calls = []struct {
	name string
	call func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error
}{
	{"Map", func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error {
		out, err := fanout.Map(ctx, items, func(ctx context.Context, i int) (int, error) { return -i, f(ctx, i) }, opts...)
		return consistent(items, out, err, func(i int) int { return -i })
	}},
	{"ForEach", func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error {
		return fanout.ForEach(ctx, items, f, opts...)
	}},
	{"Filter", func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error {
		out, err := fanout.Filter(ctx, items, func(ctx context.Context, i int) (bool, error) { return true, f(ctx, i) }, opts...)
		return consistent(items, out, err, func(i int) int { return i })
	}},
	{"FilterMap", func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error {
		out, err := fanout.FilterMap(ctx, items, func(ctx context.Context, i int) (int, bool, error) { return i * i, true, f(ctx, i) }, opts...)
		return consistent(items, out, err, func(i int) int { return i * i })
	}},
	{"Update", func(ctx context.Context, items []int, f func(context.Context, int) error, opts ...fanout.Option) error {
		return fanout.Update(ctx, items, func(ctx context.Context, i *int) error { return f(ctx, *i) }, opts...)
	}},
}

// consistent checks that there are results or an error, and never both.
func consistent(items, out []int, err error, want func(int) int) error {
	if err != nil {
		if out != nil {
			return fmt.Errorf("results beside an error: %v, %w", out, err)
		}
		return err
	}
	if len(out) != len(items) {
		return fmt.Errorf("%d results of %d items", len(out), len(items))
	}
	for i, v := range items {
		if out[i] != want(v) {
			return fmt.Errorf("result %d is %d, not %d", i, out[i], want(v))
		}
	}
	return nil
}

// gauge watches callbacks.
type gauge struct{ running, begun atomic.Int64 }

func (g *gauge) enter() (leave func()) {
	g.begun.Add(1)
	g.running.Add(1)
	return func() { g.running.Add(-1) }
}

// quiet asserts that nothing runs and that nothing begins any more.
func (g *gauge) quiet(t *testing.T) {
	t.Helper()
	assert.Zero(t, g.running.Load(), "callbacks run after the return")
	begun := g.begun.Load()
	for range 5 {
		runtime.Gosched()
	}
	assert.Equal(t, begun, g.begun.Load(), "callbacks begin after the return")
}

func upTo(n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	return items
}

// everywhere runs test for every function and every way.
func everywhere(t *testing.T, test func(t *testing.T, call func(ctx context.Context, items []int, f func(context.Context, int) error) error)) {
	for _, c := range calls {
		for _, w := range ways {
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				test(t, func(ctx context.Context, items []int, f func(context.Context, int) error) error {
					return c.call(ctx, items, f, w.opts...)
				})
			})
		}
	}
}

const size = 9

func TestEveryItemRunsOnceAndResultsAreInOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for _, n := range []int{0, 1, 2, 3, size, 1000} {
			ran := make([]atomic.Int64, n)
			require.NoError(t, call(t.Context(), upTo(n), func(_ context.Context, i int) error {
				ran[i].Add(1)
				return nil
			}))
			for i := range ran {
				require.EqualValues(t, 1, ran[i].Load(), "item %d of %d", i, n)
			}
		}
	})
}

func TestAnErrorAtEveryIndexStopsAndNamesItsItem(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for k := range size {
			var g gauge
			var seen context.Context
			err := call(t.Context(), upTo(size), func(ctx context.Context, i int) error {
				defer g.enter()()
				if i == k {
					seen = ctx
					return errBoom
				}
				return nil
			})
			g.quiet(t)
			require.ErrorIs(t, err, errBoom)
			require.NotErrorIs(t, err, context.Canceled)
			item, ok := errors.AsType[*fanout.ItemError](err)
			require.True(t, ok)
			require.Equal(t, k, item.Index)
			require.EqualError(t, err, fmt.Sprintf("fanout: item %d: boom", k))
			require.Equal(t, err, context.Cause(seen))
			require.ErrorIs(t, seen.Err(), context.Canceled)
		}
	})
}

func TestACancellationAtEveryIndexStopsAndIsTheError(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for k := range size {
			ctx, cancel := context.WithCancel(t.Context())
			var g gauge
			err := call(ctx, upTo(size), func(ctx context.Context, i int) error {
				defer g.enter()()
				if i == k {
					cancel()
					return ctx.Err()
				}
				return nil
			})
			g.quiet(t)
			require.Equal(t, context.Canceled, err, "the error of ctx itself")
		}
	})
}

func TestACancellationWithACauseMatchesBoth(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for _, says := range []func(context.Context) error{context.Context.Err, context.Cause} {
			ctx, cancel := context.WithCancelCause(t.Context())
			err := call(ctx, upTo(size), func(ctx context.Context, i int) error {
				cancel(errBoom)
				return says(ctx)
			})
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errBoom)
		}
	})
}

func TestADoneContextRunsNothing(t *testing.T) { // traps T7, T8
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for _, n := range []int{0, 1, size} {
			var g gauge
			err := call(ctx, upTo(n), func(context.Context, int) error {
				defer g.enter()()
				return nil
			})
			require.Equal(t, context.Canceled, err)
			require.Zero(t, g.begun.Load())
		}
	})
}

func TestAContextThatEndsWithTheLastItemChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		ctx, cancel := context.WithCancel(t.Context())
		var done atomic.Int64
		require.NoError(t, call(ctx, upTo(size), func(context.Context, int) error {
			if done.Add(1) == size {
				cancel()
			}
			return nil
		}))
	})
}

func TestAPanicAtEveryIndexIsRaisedAfterTheOthersHaveEnded(t *testing.T) { // traps T16, T33; P02
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for k := range size {
			var g gauge
			var seen context.Context
			end := testkit.Run(func() {
				_ = call(t.Context(), upTo(size), func(ctx context.Context, i int) error {
					defer g.enter()()
					if i == k {
						seen = ctx
						panic(errBoom)
					}
					return nil
				})
			})
			g.quiet(t)
			require.True(t, end.Panicked)
			p, ok := end.Value.(*fanout.PanicError)
			require.True(t, ok, "raised %T", end.Value)
			require.Equal(t, errBoom, p.Value)
			require.ErrorIs(t, p, errBoom)
			require.Contains(t, string(p.Stack), "TestAPanicAtEveryIndex")
			require.ErrorIs(t, seen.Err(), context.Canceled)
		}
	})
}

func TestAGoexitAtEveryIndexEndsTheCallerAfterTheOthersHaveEnded(t *testing.T) { // trap T17; P03
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		for k := range size {
			var g gauge
			var seen context.Context
			end := testkit.Run(func() {
				_ = call(t.Context(), upTo(size), func(ctx context.Context, i int) error {
					defer g.enter()()
					if i == k {
						seen = ctx
						runtime.Goexit()
					}
					return nil
				})
			})
			g.quiet(t)
			require.True(t, end.Exited, "%+v", end)
			require.ErrorIs(t, seen.Err(), context.Canceled)
		}
	})
}

func TestWorkStopsAtTheFirstError(t *testing.T) { // trap T4, P04
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		var g gauge
		err := call(t.Context(), upTo(10_000), func(context.Context, int) error {
			defer g.enter()()
			return errBoom
		})
		require.ErrorIs(t, err, errBoom)
		require.LessOrEqual(t, g.begun.Load(), int64(64), "an item a worker")
	})
}

func TestTheCallersContextEndsWithTheCallEverywhere(t *testing.T) { // trap T5, T8
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		var seen context.Context
		require.NoError(t, call(t.Context(), upTo(1), func(ctx context.Context, _ int) error {
			seen = ctx
			return nil
		}))
		require.ErrorIs(t, seen.Err(), context.Canceled)
		<-seen.Done()
	})
}

func TestNilArgumentsPanicOnTheCaller(t *testing.T) { // trap T10
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		var none context.Context
		require.Panics(t, func() { _ = call(none, nil, func(context.Context, int) error { return nil }) })
	})
	for name, call := range map[string]func(){
		"Map":       func() { _, _ = fanout.Map[int, int](t.Context(), nil, nil) },
		"ForEach":   func() { _ = fanout.ForEach[int](t.Context(), nil, nil) },
		"Filter":    func() { _, _ = fanout.Filter[int](t.Context(), nil, nil) },
		"FilterMap": func() { _, _ = fanout.FilterMap[int, int](t.Context(), nil, nil) },
		"Update":    func() { _ = fanout.Update[int](t.Context(), nil, nil) },
		"Settle":    func() { fanout.Settle[int, int](t.Context(), nil, nil) },
	} {
		assert.PanicsWithValue(t, "fanout: "+name+" needs a function, got nil", call)
	}
}
