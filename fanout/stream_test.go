package fanout_test

import (
	"context"
	"errors"
	"iter"
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

// flows are the ways in which a stream can run.
var flows = []struct {
	name string
	opts []fanout.Option
}{
	{"default", nil},
	{"one worker", []fanout.Option{fanout.Workers(1)}},
	{"many workers", []fanout.Option{fanout.Workers(8)}},
	{"unordered", []fanout.Option{fanout.Workers(8), fanout.Unordered()}},
	{"window of one", []fanout.Option{fanout.Workers(8), fanout.Window(1)}},
	{"crew", []fanout.Option{fanout.NewCrew(3)}},
}

func everyFlow(t *testing.T, test func(t *testing.T, opts []fanout.Option)) {
	for _, w := range flows {
		t.Run(w.name, func(t *testing.T) { test(t, w.opts) })
	}
}

func TestAStreamYieldsEveryResultOnce(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for _, n := range []int{0, 1, 2, size, 1000} {
			var got []int
			for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(n)),
				func(_ context.Context, i int) (int, error) { return i, nil }, opts...) {
				require.NoError(t, err)
				got = append(got, v)
			}
			if !strings.HasSuffix(t.Name(), "/unordered") {
				require.True(t, slices.IsSorted(got), "in the order of the items")
			}
			slices.Sort(got)
			require.True(t, slices.Equal(upTo(n), got))
		}
	})
}

func TestABreakAtEveryIndexStopsAndJoins(t *testing.T) { // traps T1, T2; P01
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			var g gauge
			var feeding atomic.Int64
			endless := func(yield func(int) bool) {
				feeding.Add(1)
				defer feeding.Add(-1)
				for i := 0; yield(i); i++ {
				}
			}
			taken := 0
			for _, err := range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) {
				defer g.enter()()
				return 0, nil
			}, opts...) {
				require.NoError(t, err)
				if taken++; taken > k {
					break
				}
			}
			g.quiet(t)
			require.Zero(t, feeding.Load(), "the source runs after the loop")
		}
	})
}

func TestAnErrorAtEveryIndexIsYieldedOnceAndLast(t *testing.T) { // traps T14, T15
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			var g gauge
			var last error
			values := 0
			for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(size)), func(_ context.Context, i int) (int, error) {
				defer g.enter()()
				if i == k {
					return 99, errBoom
				}
				return i, nil
			}, opts...) {
				require.NoError(t, last, "something behind the error")
				if last = err; err != nil {
					require.Zero(t, v, "a value beside an error")
				} else {
					values++
				}
			}
			g.quiet(t)
			item, ok := errors.AsType[*fanout.ItemError](last)
			require.True(t, ok)
			require.Equal(t, k, item.Index)
			require.Equal(t, errBoom, item.Err)
			require.LessOrEqual(t, values, size-1)
		}
	})
}

func TestAnOrderedStreamEndsWhereAPlainLoopWould(t *testing.T) {
	for _, opts := range [][]fanout.Option{nil, {fanout.Workers(8)}, {fanout.Workers(8), fanout.Window(2)}} {
		var got []int
		var last error
		for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(100)), func(_ context.Context, i int) (int, error) {
			if i >= 50 && i%10 == 0 {
				return 0, errBoom
			}
			return i, nil
		}, opts...) {
			if err == nil {
				got = append(got, v)
			}
			last = err
		}
		require.Equal(t, upTo(50), got)
		require.EqualError(t, last, "fanout: item 50: boom")
	}
}

func TestAPanicAtEveryIndexIsTheStreamsError(t *testing.T) { // traps T16, T18; P02
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			var g gauge
			var last error
			for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(size)), func(_ context.Context, i int) (int, error) {
				defer g.enter()()
				if i == k {
					panic(errBoom)
				}
				return i, nil
			}, opts...) {
				last = err
			}
			g.quiet(t)
			p, ok := errors.AsType[*fanout.PanicError](last)
			require.True(t, ok, "%v", last)
			require.Equal(t, errBoom, p.Value)
			item, ok := errors.AsType[*fanout.ItemError](last)
			require.True(t, ok)
			require.Equal(t, k, item.Index)
		}
	})
}

func TestAGoexitAtEveryIndexIsTheStreamsError(t *testing.T) { // trap T17; P03
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			var g gauge
			var last error
			for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(size)), func(_ context.Context, i int) (int, error) {
				defer g.enter()()
				if i == k {
					runtime.Goexit()
				}
				return i, nil
			}, opts...) {
				last = err
			}
			g.quiet(t)
			require.ErrorIs(t, last, fanout.ErrGoexit)
			item, ok := errors.AsType[*fanout.ItemError](last)
			require.True(t, ok)
			require.Equal(t, k, item.Index)
		}
	})
}

func TestACancellationAtEveryIndexEndsTheStreamWithItsError(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			ctx, cancel := context.WithCancel(t.Context())
			var g gauge
			var last error
			for _, err := range fanout.Stream(ctx, slices.Values(upTo(size)), func(ctx context.Context, i int) (int, error) {
				defer g.enter()()
				if i == k {
					cancel()
					return 0, ctx.Err()
				}
				return i, nil
			}, opts...) {
				last = err
			}
			g.quiet(t)
			require.Equal(t, context.Canceled, last)
			cancel()
		}
	})
}

func TestADoneContextStreamsNothing(t *testing.T) { // trap T7
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		untouched := func(func(int) bool) { t.Error("the source ran") }
		var errs []error
		for _, err := range fanout.Stream(ctx, untouched, func(context.Context, int) (int, error) { return 0, nil }, opts...) {
			errs = append(errs, err)
		}
		require.Equal(t, []error{context.Canceled}, errs)
	})
}

func TestTheLoopBodysPanicAndGoexitStopAndJoin(t *testing.T) { // traps T27, T29, T30
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for _, leave := range []func(){func() { panic(errBoom) }, runtime.Goexit} {
			var g gauge
			end := testkit.Run(func() {
				for range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) {
					defer g.enter()()
					return 0, nil
				}, opts...) {
					leave()
				}
			})
			g.quiet(t)
			require.False(t, end.Returned)
			if end.Panicked {
				require.Equal(t, errBoom, end.Value, "the body's own panic, untouched")
			}
		}
	})
}

func endless(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func TestAFaultOfTheSourceIsTheStreamsError(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for _, fault := range []func(){func() { panic(errBoom) }, runtime.Goexit} {
			source := func(yield func(int) bool) {
				_ = yield(1)
				fault()
			}
			var last error
			for _, err := range fanout.Stream(t.Context(), source, func(_ context.Context, i int) (int, error) { return i, nil }, opts...) {
				last = err
			}
			require.Error(t, last)
			require.True(t, errors.Is(last, errBoom) || errors.Is(last, fanout.ErrGoexit))
		}
	})
}

func TestASourceThatEndsBecauseItsContextDidIsNoSuccess(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		ctx, cancel := context.WithCancel(t.Context())
		source := func(yield func(int) bool) {
			if yield(1) {
				<-ctx.Done()
			}
		}
		var last error
		for _, err := range fanout.Stream(ctx, source, func(_ context.Context, i int) (int, error) { return i, nil }, opts...) {
			last = err
			cancel()
		}
		require.Equal(t, context.Canceled, last)
		cancel()
	})
}

func TestCollectErrorsYieldsEachInItsPlace(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		values, failed := 0, 0
		for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(100)), func(_ context.Context, i int) (int, error) {
			if i%3 == 0 {
				return 99, errBoom
			}
			return i, nil
		}, append(slices.Clone(opts), fanout.CollectErrors())...) {
			if err != nil {
				require.Zero(t, v)
				require.ErrorIs(t, err, errBoom)
				failed++
			} else {
				values++
			}
		}
		require.Equal(t, 34, failed)
		require.Equal(t, 66, values)
	})
}

func TestAStreamIsLazyAndEachLoopIsARun(t *testing.T) { // trap T28
	runs := 0
	source := func(yield func(int) bool) {
		runs++
		_ = yield(1) && yield(2)
	}
	s := fanout.Stream(t.Context(), source, func(_ context.Context, i int) (int, error) { return i, nil })
	require.Zero(t, runs)
	for n := 1; n <= 2; n++ {
		sum := 0
		for v := range s {
			sum += v
		}
		require.Equal(t, 3, sum)
		require.Equal(t, n, runs)
	}
}

func TestAStreamReadsAheadByItsWindowAtMost(t *testing.T) { // trap T19
	synctest.Test(t, func(t *testing.T) {
		var read atomic.Int64
		source := func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
				read.Add(1)
			}
		}
		next, stop := iter.Pull2(fanout.Stream(t.Context(), source, func(ctx context.Context, i int) (int, error) {
			if i == 0 {
				<-time.After(time.Hour) // the first is stuck
			}
			return i, nil
		}, fanout.Workers(4), fanout.Window(16)))
		_, _, _ = next()
		stop()
		require.LessOrEqual(t, read.Load(), int64(17+16))
	})
}

func TestACrewIsResizedWhileItsStreamRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crew := fanout.NewCrew(1)
		var running atomic.Int64
		seen := map[int64]bool{}
		n := 0
		for _, err := range fanout.Stream(t.Context(), endless, func(context.Context, int) (int64, error) {
			defer running.Add(-1)
			running.Add(1)
			time.Sleep(time.Second)
			return 0, nil
		}, crew, fanout.Window(64)) {
			require.NoError(t, err)
			synctest.Wait() // the workers sleep in their next items
			seen[running.Load()] = true
			switch n++; n {
			case 10:
				crew.SetWorkers(8)
			case 100:
				seen = map[int64]bool{}
			case 150:
				crew.SetWorkers(2)
			case 200:
				assert.True(t, seen[8], "%v", seen)
				seen = map[int64]bool{}
			}
			if n == 220 {
				break
			}
		}
		assert.Contains(t, seen, int64(2))
		assert.NotContains(t, seen, int64(8))
	})
}

func TestALargeCrewRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(1000)), func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, nil
		}, fanout.NewCrew(1000)) {
			require.NoError(t, err)
		}
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestStreamsPanicOnNilArguments(t *testing.T) {
	f := func(context.Context, int) (int, error) { return 0, nil }
	for want, call := range map[string]func(){
		"fanout: Stream needs a function, got nil":                         func() { fanout.Stream[int, int](t.Context(), endless, nil) },
		"fanout: Stream needs a sequence, got nil":                         func() { fanout.Stream(t.Context(), nil, f) },
		"fanout: StreamByKey needs a function that gives the key, got nil": func() { fanout.StreamByKey[int, int, int](t.Context(), endless, nil, f) },
		"fanout: StreamChan needs a channel, got nil":                      func() { fanout.StreamChan(t.Context(), nil, f) },
		"fanout: Chan needs a function, got nil":                           func() { _ = fanout.Chan[int, int](t.Context(), make(chan int), make(chan int), nil) },
		"fanout: Chan needs two channels, got nil":                         func() { _ = fanout.Chan(t.Context(), nil, make(chan int), f) },
		"fanout: NewGroup needs a context, got nil":                        func() { var none context.Context; fanout.NewGroup(none) },
		"fanout: Go needs a function, got nil":                             func() { fanout.Go[int](fanout.NewGroup(t.Context()), nil) },
	} {
		assert.PanicsWithValue(t, want, call)
	}
}
