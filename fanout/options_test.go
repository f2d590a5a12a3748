package fanout_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

func TestBadOptionsPanicAndNameTheFix(t *testing.T) {
	tests := []struct {
		option func()
		want   string
	}{
		{func() { fanout.Workers(0) }, "fanout: Workers must be at least 1, got 0"},
		{func() { fanout.Threshold(-1) }, "fanout: Threshold must be at least 0, got -1"},
		{func() { fanout.Window(0) }, "fanout: Window must be between 1 and 1073741824, got 0"},
		{func() { fanout.Window(1<<30 + 1) }, "fanout: Window must be between 1 and 1073741824, got 1073741825"},
		{func() { fanout.KeepFailures(0) }, "fanout: KeepFailures must be at least 1, got 0"},
		{func() { fanout.Timeout(0) }, "fanout: Timeout must be positive, got 0s"},
		{func() { fanout.Guard(nil) }, "fanout: Guard needs a layer, got nil"},
		{func() { fanout.Progress(nil) }, "fanout: Progress needs a function, got nil"},
		{func() { fanout.NewCrew(0) }, "fanout: a Crew must have at least 1 worker, got 0"},
		{func() { fanout.NewCrew(1).SetWorkers(-1) }, "fanout: a Crew must have at least 1 worker, got -1"},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.want, tt.option)
	}
}

func TestAnyNumberOfWorkersIsFine(t *testing.T) {
	most := fanout.Workers(math.MaxInt)
	require.NoError(t, fanout.ForEach(t.Context(), upTo(100), func(context.Context, int) error { return nil }, most))
	crew := fanout.NewCrew(math.MaxInt)
	for _, opt := range []fanout.Option{most, crew} {
		for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(100)), func(context.Context, int) (int, error) { return 0, nil }, opt) {
			require.NoError(t, err)
		}
	}
	g := fanout.NewGroup(t.Context(), most)
	g.Go(func(context.Context) error { return nil })
	require.NoError(t, g.Wait())
}

func TestOptionsMayBeSharedAndTheirSliceReused(t *testing.T) { // trap T34
	opts := []fanout.Option{fanout.Workers(2), fanout.CollectErrors()}
	s := fanout.Stream(t.Context(), slices.Values(upTo(10)), func(_ context.Context, i int) (int, error) {
		if i == 3 {
			return 0, errBoom
		}
		return i, nil
	}, opts...)
	opts[1] = fanout.Workers(1) // would make the error the last
	n := 0
	for range s {
		n++
	}
	require.Equal(t, 10, n)
}

func TestWorkersRunSoManyItemsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 8, 100} {
			var running, most atomic.Int64
			require.NoError(t, fanout.ForEach(t.Context(), upTo(300), func(_ context.Context, i int) error {
				if i < 100 {
					return nil // cheap items must not make chunks that the others wait in
				}
				running.Add(1)
				time.Sleep(time.Second)
				now := running.Load()
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(time.Second)
				running.Add(-1)
				return nil
			}, fanout.Workers(n)))
			require.EqualValues(t, n, most.Load(), "reached and not exceeded")
		}
	})
}

func TestItemsOfExplicitWorkersMayWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waiting atomic.Int64
		all := make(chan struct{})
		require.NoError(t, fanout.ForEach(t.Context(), upTo(16), func(context.Context, int) error {
			if waiting.Add(1) == 16 {
				close(all)
			}
			<-all
			return nil
		}, fanout.Workers(16)))
	})
}

func TestBelowTheThresholdItemsRunInOrderOnTheCaller(t *testing.T) {
	var order []int // no lock: the race detector tells if it is needed
	opts := []fanout.Option{fanout.Workers(8), fanout.Threshold(1000)}
	require.NoError(t, fanout.ForEach(t.Context(), upTo(999), func(_ context.Context, i int) error {
		order = append(order, i)
		return nil
	}, opts...))
	require.Equal(t, upTo(999), order)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, fanout.ForEach(t.Context(), upTo(1000), func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		}, opts...))
		require.Equal(t, 125*time.Second, time.Since(start), "from the threshold on by all workers")
	})
}

func TestCollectErrorsRunsEveryItemAndKeepsTheLowest(t *testing.T) { // trap T13
	for _, c := range calls {
		for _, w := range ways {
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				var ran atomic.Int64
				err := c.call(t.Context(), upTo(500), func(_ context.Context, i int) error {
					ran.Add(1)
					if i%2 == 1 {
						return errBoom
					}
					return nil
				}, append(slices.Clone(w.opts), fanout.KeepFailures(10))...)
				require.EqualValues(t, 500, ran.Load())
				batch, ok := errors.AsType[*fanout.BatchError](err)
				require.True(t, ok)
				require.Len(t, batch.Failures, 10)
				require.Equal(t, 240, batch.Dropped)
				for i, f := range batch.Failures {
					require.Equal(t, 2*i+1, f.Index)
				}
				require.ErrorIs(t, err, errBoom)
				require.EqualError(t, err, "fanout: 250 failed; item 1: boom; item 3: boom; item 5: boom; and 247 more")
			})
		}
	}
}

func TestACollectingCallThatIsCancelledMatchesItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := fanout.ForEach(ctx, upTo(100), func(_ context.Context, i int) error {
		if i == 3 {
			cancel()
		}
		return errBoom
	}, fanout.CollectErrors(), fanout.Workers(1))
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, context.Canceled)
	batch, ok := errors.AsType[*fanout.BatchError](err)
	require.True(t, ok)
	require.Len(t, batch.Failures, 4)
}

func TestTimeoutEndsAnItemAndIsToldFromTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, i int) error {
			if i != 2 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		for _, c := range calls {
			start := time.Now()
			err := c.call(t.Context(), upTo(5), slow, fanout.Timeout(time.Second))
			require.Equal(t, time.Second, time.Since(start))
			require.ErrorIs(t, err, fanout.ErrTimeout)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			item, ok := errors.AsType[*fanout.ItemError](err)
			require.True(t, ok)
			require.Equal(t, 2, item.Index)

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err = c.call(ctx, upTo(5), slow, fanout.Timeout(time.Hour))
			require.Equal(t, context.DeadlineExceeded, err, "the caller's own")
			cancel()
		}
	})
}

// layer is a policy that does what do says.
type layer struct {
	do func(ctx context.Context, fn func(context.Context) error) error
}

func (l layer) Do(ctx context.Context, fn func(context.Context) error) error { return l.do(ctx, fn) }

func TestGuardIsAroundEachItem(t *testing.T) {
	var inner, outer atomic.Int64
	again := layer{func(ctx context.Context, fn func(context.Context) error) error {
		inner.Add(1)
		if fn(ctx) == nil {
			return errors.New("want an error first")
		}
		return fn(ctx)
	}}
	count := layer{func(ctx context.Context, fn func(context.Context) error) error {
		outer.Add(1)
		assert.Equal(t, outer.Load()-1, inner.Load(), "the first is the outermost")
		return fn(ctx)
	}}
	tries := map[int]int{}
	out, err := fanout.Map(t.Context(), upTo(5), func(_ context.Context, i int) (int, error) {
		if tries[i]++; tries[i] == 1 {
			return 99, errBoom
		}
		return i, nil
	}, fanout.Guard(count), fanout.Guard(again), fanout.Workers(1))
	require.NoError(t, err)
	require.Equal(t, upTo(5), out)
	require.EqualValues(t, 5, inner.Load())
	require.EqualValues(t, 5, outer.Load())
}

func TestTheTimeoutIncludesWhatTheLayersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := layer{func(ctx context.Context, fn func(context.Context) error) error {
			select {
			case <-time.After(time.Hour):
				return fn(ctx)
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		for _, c := range calls {
			start := time.Now()
			err := c.call(t.Context(), upTo(3), func(context.Context, int) error { return nil }, fanout.Guard(queue), fanout.Timeout(time.Second), fanout.Workers(3))
			require.ErrorIs(t, err, fanout.ErrTimeout)
			require.Equal(t, time.Second, time.Since(start))
		}
	})
}

func TestAPanicOfProgressIsRaisedLikeAnItems(t *testing.T) {
	for _, w := range ways {
		end := testkit.Run(func() {
			_ = fanout.ForEach(t.Context(), upTo(50), func(context.Context, int) error { return nil },
				append(slices.Clone(w.opts), fanout.Progress(func(done, _ int) {
					if done >= 20 {
						panic(errBoom)
					}
				}))...)
		})
		require.True(t, end.Panicked)
		require.ErrorIs(t, end.Value.(*fanout.PanicError), errBoom)
	}
}

func TestAFaultOfProgressDoesNotKeepLaterNewsFromIt(t *testing.T) {
	for _, fault := range []func(){func() { panic(errBoom) }, runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			var told []int
			g := fanout.NewGroup(t.Context(), fanout.Workers(2), fanout.Progress(func(done, _ int) {
				if told = append(told, done); done == 1 {
					fault()
				}
			}))
			for i := range 2 {
				g.Go(func(context.Context) error { time.Sleep(time.Duration(1+i) * time.Second); return nil })
			}
			testkit.Run(func() { _ = g.Wait() })
			require.Equal(t, []int{1, 2}, told, "the last is never left out")
		})
	}
}

func TestALayerThatNeverRanIsNoSuccess(t *testing.T) { // no made-up zeros
	lies := layer{func(context.Context, func(context.Context) error) error { return nil }}
	for _, c := range calls {
		err := c.call(t.Context(), upTo(3), func(context.Context, int) error { return nil }, fanout.Guard(lies))
		require.ErrorIs(t, err, fanout.ErrNotRun, c.name)
	}
	g := fanout.NewGroup(t.Context(), fanout.Guard(lies))
	_, err := fanout.Go(g, func(context.Context) (int, error) { return 1, nil }).Result()
	require.ErrorIs(t, err, fanout.ErrNotRun)
	require.ErrorIs(t, g.Wait(), fanout.ErrNotRun)
}

func TestAGuardedUpdateChangesAnItemOnlyOnSuccess(t *testing.T) {
	retry := layer{func(ctx context.Context, fn func(context.Context) error) error { _ = fn(ctx); return fn(ctx) }}
	items := []int{1, 2, 3}
	runs := 0
	err := fanout.Update(t.Context(), items, func(_ context.Context, i *int) error {
		runs++
		*i *= 10
		if *i == 30 {
			return errBoom
		}
		return nil
	}, fanout.Guard(retry), fanout.Workers(1))
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, []int{10, 20, 3}, items, "each multiplied once, the failed one not at all")
	require.Equal(t, 6, runs)
}

func TestProgressGrowsToTheEndAndNeverRunsTwiceAtOnce(t *testing.T) {
	for _, c := range calls {
		for _, w := range ways {
			var in atomic.Int64
			last := 0
			p := fanout.Progress(func(done, total int) {
				assert.EqualValues(t, 1, in.Add(1))
				assert.Greater(t, done, last)
				assert.Equal(t, 200, total)
				last = done
				runtime.Gosched()
				in.Add(-1)
			})
			for range 2 { // an option may be used again
				last = 0
				require.NoError(t, c.call(t.Context(), upTo(200), func(context.Context, int) error { return nil }, append(slices.Clone(w.opts), p)...))
				require.Equal(t, 200, last)
			}
		}
	}
}

func TestProgressOfAStreamAndOfAGroupHasNoTotal(t *testing.T) {
	last := 0
	p := fanout.Progress(func(done, total int) {
		assert.Equal(t, -1, total)
		last = done
	})
	for range fanout.Stream(t.Context(), slices.Values(upTo(50)), func(context.Context, int) (int, error) { return 0, nil }, p) {
	}
	require.Equal(t, 50, last)
	g := fanout.NewGroup(t.Context(), p)
	for range 20 {
		g.Go(func(context.Context) error { return nil })
	}
	require.NoError(t, g.Wait())
	require.Equal(t, 20, last)
}

func TestPanicsAsErrorsCountAsErrors(t *testing.T) {
	for _, c := range calls {
		for _, w := range ways {
			var ran atomic.Int64
			err := c.call(t.Context(), upTo(50), func(_ context.Context, i int) error {
				if ran.Add(1); i%10 == 7 {
					panic(i)
				}
				return nil
			}, append(slices.Clone(w.opts), fanout.PanicsAsErrors(), fanout.CollectErrors())...)
			require.EqualValues(t, 50, ran.Load())
			batch, ok := errors.AsType[*fanout.BatchError](err)
			require.True(t, ok)
			require.Len(t, batch.Failures, 5)
			p, ok := errors.AsType[*fanout.PanicError](batch.Failures[1])
			require.True(t, ok)
			require.Equal(t, 17, p.Value)
		}
	}
}

func TestPanicsAsErrorsDoesNotStopAGoexit(t *testing.T) {
	end := testkit.Run(func() {
		_ = fanout.ForEach(t.Context(), upTo(5), func(context.Context, int) error { runtime.Goexit(); return nil }, fanout.PanicsAsErrors())
	})
	require.True(t, end.Exited)
}

func TestSettleGivesEveryItemAnOutcome(t *testing.T) { // trap T12; P06
	for _, w := range ways {
		out := fanout.Settle(t.Context(), upTo(100), func(_ context.Context, i int) (int, error) {
			if i%3 == 0 {
				return 99, errBoom
			}
			return -i, nil
		}, w.opts...)
		require.Len(t, out, 100)
		for i, r := range out {
			if i%3 == 0 {
				require.Equal(t, fanout.Result[int]{Err: errBoom, State: fanout.Failed}, r)
			} else {
				require.Equal(t, fanout.Result[int]{Value: -i, State: fanout.Done}, r)
			}
		}
	}
}

func TestSettleSkipsWhatHasNotBegunWhenTheContextEnds(t *testing.T) {
	for _, w := range ways {
		for k := range size {
			ctx, cancel := context.WithCancelCause(t.Context())
			var begun [size]atomic.Bool
			out := fanout.Settle(ctx, upTo(size), func(_ context.Context, i int) (int, error) {
				begun[i].Store(true)
				if i == k {
					cancel(errBoom)
				}
				return i, nil
			}, w.opts...)
			for i, r := range out {
				if begun[i].Load() {
					require.Equal(t, fanout.Result[int]{Value: i, State: fanout.Done}, r)
					continue
				}
				require.Equal(t, fanout.Skipped, r.State)
				require.ErrorIs(t, r.Err, context.Canceled)
				require.ErrorIs(t, r.Err, errBoom)
			}
		}
	}
}

func TestSettleRaisesFaultsAtEveryIndex(t *testing.T) {
	for _, w := range ways {
		for k := range size {
			for _, exit := range []bool{false, true} {
				var g gauge
				end := testkit.Run(func() {
					fanout.Settle(t.Context(), upTo(size), func(_ context.Context, i int) (int, error) {
						defer g.enter()()
						switch {
						case i != k:
						case exit:
							runtime.Goexit()
						default:
							panic(errBoom)
						}
						return i, nil
					}, w.opts...)
				})
				g.quiet(t)
				require.Equal(t, exit, end.Exited)
				require.Equal(t, !exit, end.Panicked)
			}
		}
	}
}

func TestSettleOfADoneContextSkipsAll(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range fanout.Settle(ctx, upTo(3), func(context.Context, int) (int, error) { panic("ran") }) {
		require.Equal(t, fanout.Result[int]{Err: context.Canceled, State: fanout.Skipped}, r)
	}
	require.Empty(t, fanout.Settle(ctx, nil, func(context.Context, int) (int, error) { panic("ran") }))
}

func TestStatesHaveNames(t *testing.T) {
	require.Equal(t, "skipped done failed invalid", fanout.Skipped.String()+" "+fanout.Done.String()+" "+fanout.Failed.String()+" "+fanout.State(9).String())
	require.Equal(t, fanout.Skipped, fanout.Result[int]{}.State, "the zero value claims nothing")
}

func TestFilterKeepsWhatIsWantedInOrder(t *testing.T) {
	for _, w := range ways {
		even, err := fanout.Filter(t.Context(), upTo(1000), func(_ context.Context, i int) (bool, error) { return i%2 == 0, nil }, w.opts...)
		require.NoError(t, err)
		require.Len(t, even, 500)
		require.Equal(t, 998, even[499])
		none, err := fanout.FilterMap(t.Context(), upTo(10), func(_ context.Context, i int) (string, bool, error) { return "x", false, nil }, w.opts...)
		require.NoError(t, err)
		require.Equal(t, []string{}, none)
	}
}

func TestUpdateChangesItemsInPlace(t *testing.T) {
	for _, w := range ways {
		items := upTo(1000)
		require.NoError(t, fanout.Update(t.Context(), items, func(_ context.Context, i *int) error { *i *= 2; return nil }, w.opts...))
		for i, v := range items {
			require.Equal(t, 2*i, v)
		}
	}
}
