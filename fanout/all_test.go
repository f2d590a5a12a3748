package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

func TestAllRunsEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 2, 100} {
			in := make(chan struct{})
			fns := make([]func(context.Context) error, n)
			left := make(chan struct{}, n)
			for i := range fns {
				fns[i] = func(context.Context) error {
					left <- struct{}{}
					if len(left) == n {
						close(in)
					}
					<-in // each waits for all
					return nil
				}
			}
			require.NoError(t, fanout.All(t.Context(), fns...))
		}
	})
}

func TestAllReturnsTheLowestErrorThatItDidNotCause(t *testing.T) { // trap T6
	synctest.Test(t, func(t *testing.T) {
		last := errors.New("last")
		err := fanout.All(t.Context(),
			func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
			func(context.Context) error { time.Sleep(time.Second); return errBoom },
			func(ctx context.Context) error { <-ctx.Done(); return last },
		)
		require.EqualError(t, err, "fanout: item 2: boom")

		err = fanout.All(t.Context(),
			func(ctx context.Context) error { <-ctx.Done(); return last },
			func(context.Context) error { return errBoom },
		)
		require.EqualError(t, err, "fanout: item 0: last (after item 1: boom)", "perhaps because of it: neither is hidden")
		require.ErrorIs(t, err, last)
		require.ErrorIs(t, err, errBoom)
		item, ok := errors.AsType[*fanout.ItemError](err)
		require.True(t, ok)
		require.Equal(t, 0, item.Index)
	})
}

func TestAll2To6ReturnEveryResult(t *testing.T) {
	ctx := t.Context()
	a := func(context.Context) (int, error) { return 1, nil }
	b := func(context.Context) (string, error) { return "two", nil }
	c := func(context.Context) (bool, error) { return true, nil }
	v1, v2, err := fanout.All2(ctx, a, b)
	require.NoError(t, err)
	require.Equal(t, []any{1, "two"}, []any{v1, v2})
	v1, v2, v3, err := fanout.All3(ctx, a, b, c)
	require.NoError(t, err)
	require.Equal(t, []any{1, "two", true}, []any{v1, v2, v3})
	v1, v2, v3, v4, err := fanout.All4(ctx, a, b, c, a)
	require.NoError(t, err)
	require.Equal(t, []any{1, "two", true, 1}, []any{v1, v2, v3, v4})
	v1, v2, v3, v4, v5, err := fanout.All5(ctx, a, b, c, a, b)
	require.NoError(t, err)
	require.Equal(t, []any{1, "two", true, 1, "two"}, []any{v1, v2, v3, v4, v5})
	v1, v2, v3, v4, v5, v6, err := fanout.All6(ctx, a, b, c, a, b, c)
	require.NoError(t, err)
	require.Equal(t, []any{1, "two", true, 1, "two", true}, []any{v1, v2, v3, v4, v5, v6})
}

func TestAll2To6ReturnZerosBesideAnErrorAtEveryPlace(t *testing.T) { // trap T12, T14
	ctx := t.Context()
	at := func(i, k int) func(context.Context) (int, error) {
		return func(context.Context) (int, error) {
			if i == k {
				return 99, errBoom
			}
			return i + 1, nil
		}
	}
	check := func(k int, err error, vs ...int) {
		t.Helper()
		item, ok := errors.AsType[*fanout.ItemError](err)
		require.True(t, ok)
		require.Equal(t, k, item.Index)
		require.Equal(t, make([]int, len(vs)), vs)
	}
	for k := range 6 {
		if k < 2 {
			v1, v2, err := fanout.All2(ctx, at(0, k), at(1, k))
			check(k, err, v1, v2)
		}
		if k < 3 {
			v1, v2, v3, err := fanout.All3(ctx, at(0, k), at(1, k), at(2, k))
			check(k, err, v1, v2, v3)
		}
		if k < 4 {
			v1, v2, v3, v4, err := fanout.All4(ctx, at(0, k), at(1, k), at(2, k), at(3, k))
			check(k, err, v1, v2, v3, v4)
		}
		if k < 5 {
			v1, v2, v3, v4, v5, err := fanout.All5(ctx, at(0, k), at(1, k), at(2, k), at(3, k), at(4, k))
			check(k, err, v1, v2, v3, v4, v5)
		}
		v1, v2, v3, v4, v5, v6, err := fanout.All6(ctx, at(0, k), at(1, k), at(2, k), at(3, k), at(4, k), at(5, k))
		check(k, err, v1, v2, v3, v4, v5, v6)
	}
}

func TestANilFunctionPanicsWithItsPlace(t *testing.T) {
	ok := func(context.Context) (int, error) { return 0, nil }
	require.PanicsWithValue(t, "fanout: All needs functions, number 1 is nil", func() {
		_ = fanout.All(t.Context(), func(context.Context) error { return nil }, nil)
	})
	require.PanicsWithValue(t, "fanout: All2 needs functions, number 1 is nil", func() {
		_, _, _ = fanout.All2[int, int](t.Context(), ok, nil)
	})
	require.PanicsWithValue(t, "fanout: First needs functions, number 0 is nil", func() {
		_, _ = fanout.First[int](t.Context(), nil, ok)
	})
	require.PanicsWithValue(t, "fanout: Race needs functions, number 0 is nil", func() {
		_, _ = fanout.Race[int](t.Context(), nil)
	})
}

// wait returns v or err after d, or how its context ended.
func wait[T any](d time.Duration, v T, err error) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		select {
		case <-time.After(d):
			return v, err
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

func TestFirstReturnsTheFirstSuccessAndAwaitsTheLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		start := time.Now()
		loser := func(ctx context.Context) (string, error) {
			defer g.enter()()
			<-ctx.Done()
			time.Sleep(time.Second) // it takes its time to end
			return "late", nil
		}
		v, err := fanout.First(t.Context(), loser,
			wait(time.Second, "", errBoom), wait(2*time.Second, "mirror", nil), loser)
		require.NoError(t, err)
		require.Equal(t, "mirror", v)
		require.Equal(t, 3*time.Second, time.Since(start))
		g.quiet(t)
	})
}

func TestFirstKeepsEveryErrorIfAllFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := fanout.First(t.Context(), wait(2*time.Second, 9, errors.New("a")), wait(time.Second, 9, errors.New("b")), wait(3*time.Second, 9, errBoom))
		require.Zero(t, v)
		batch, ok := errors.AsType[*fanout.BatchError](err)
		require.True(t, ok)
		require.Len(t, batch.Failures, 3)
		require.ErrorIs(t, err, errBoom)
		require.EqualError(t, err, "fanout: 3 failed; item 0: a; item 1: b; item 2: boom")
	})
}

func TestFirstAndRaceWithoutFunctionsHaveNoResult(t *testing.T) {
	_, err := fanout.First[int](t.Context())
	require.ErrorIs(t, err, fanout.ErrEmpty)
	_, err = fanout.Race[int](t.Context())
	require.ErrorIs(t, err, fanout.ErrEmpty)
}

func TestFirstAndRaceReturnTheErrorOfAContextThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, call := range []func(context.Context, ...func(context.Context) (int, error)) (int, error){fanout.First[int], fanout.Race[int]} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := call(ctx, wait(time.Hour, 1, nil), wait(time.Hour, 1, nil))
			require.Equal(t, context.DeadlineExceeded, err)
			cancel()
			_, err = call(ctx, func(context.Context) (int, error) { panic("ran") })
			require.Equal(t, context.DeadlineExceeded, err)
		}
		// One that failed by itself is kept beside it.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := fanout.First(ctx, wait(time.Second, 0, errBoom), wait(time.Hour, 1, nil))
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestRaceReturnsTheFirstResultGoodOrBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := fanout.Race(t.Context(), wait(time.Second, 1, nil), wait(2*time.Second, 2, errBoom))
		require.NoError(t, err)
		require.Equal(t, 1, v)
		v, err = fanout.Race(t.Context(), wait(2*time.Second, 1, nil), wait(time.Second, 2, errBoom))
		require.EqualError(t, err, "fanout: item 1: boom")
		require.Zero(t, v)
	})
}

func TestPanicsAndGoexitsOfSeveralFunctionsReachTheCaller(t *testing.T) {
	bad := map[string]func(context.Context) (int, error){
		"panic":  func(context.Context) (int, error) { panic(errBoom) },
		"goexit": func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
	}
	for kind, f := range bad {
		for k := range 3 {
			fns := make([]func(context.Context) (int, error), 3)
			plain := make([]func(context.Context) error, 3)
			var g gauge
			for i := range fns {
				fns[i] = func(ctx context.Context) (int, error) {
					defer g.enter()()
					if i == k {
						return f(ctx)
					}
					<-ctx.Done()
					return 0, ctx.Err()
				}
				plain[i] = func(ctx context.Context) error { _, err := fns[i](ctx); return err }
			}
			for name, call := range map[string]func(){
				"All":   func() { _ = fanout.All(t.Context(), plain...) },
				"All3":  func() { _, _, _, _ = fanout.All3(t.Context(), fns[0], fns[1], fns[2]) },
				"First": func() { _, _ = fanout.First(t.Context(), fns...) },
				"Race":  func() { _, _ = fanout.Race(t.Context(), fns...) },
			} {
				end := testkit.Run(call)
				g.quiet(t)
				require.Equal(t, kind == "panic", end.Panicked, name)
				require.Equal(t, kind == "goexit", end.Exited, name)
			}
		}
	}
}

func TestAPanicGoesBeforeAGoexitOnTheCallersGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := testkit.Run(func() {
			_ = fanout.All(t.Context(),
				func(context.Context) error { time.Sleep(time.Second); runtime.Goexit(); return nil },
				func(context.Context) error { time.Sleep(time.Second); panic(errBoom) })
		})
		require.True(t, end.Panicked, "%+v", end)
	})
}
