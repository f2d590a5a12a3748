package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

func TestAGroupGivesEveryResult(t *testing.T) {
	for _, workers := range []int{1, 2, 100} {
		g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
		futures := make([]*fanout.Future[int], 50)
		for i := range futures {
			futures[i] = fanout.Go(g, func(context.Context) (int, error) { return i * i, nil })
		}
		name := fanout.Go(g, func(context.Context) (string, error) { return "weir", nil })
		require.NoError(t, g.Wait())
		for i, f := range futures {
			v, err := f.Result()
			require.NoError(t, err)
			require.Equal(t, i*i, v)
		}
		s, err := name.Result()
		require.NoError(t, err)
		require.Equal(t, "weir", s)
	}
}

func TestAGroupWithoutTasksEnds(t *testing.T) {
	g := fanout.NewGroup(t.Context())
	require.NoError(t, g.Wait())
	require.NoError(t, g.Wait(), "further calls return the same")
}

func TestAGroupNeverRunsMoreTasksThanWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 2, 8} {
			g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
			var running, most atomic.Int64
			for range 50 {
				g.Go(func(context.Context) error {
					most.Store(max(most.Load(), running.Add(1)))
					time.Sleep(time.Second)
					running.Add(-1)
					return nil
				})
			}
			require.NoError(t, g.Wait())
			require.EqualValues(t, workers, most.Load(), "reached and not exceeded")
		}
	})
}

func TestAnErrorAtEveryTaskStopsTheGroup(t *testing.T) { // trap T4
	synctest.Test(t, func(t *testing.T) {
		const tasks, workers = 20, 3
		for k := range tasks {
			g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
			var begun atomic.Int64
			futures := make([]*fanout.Future[int], tasks)
			for i := range futures {
				futures[i] = fanout.Go(g, func(ctx context.Context) (int, error) {
					begun.Add(1)
					if i == k {
						return 99, errBoom
					}
					if i > k {
						<-ctx.Done()
						return 99, ctx.Err()
					}
					return i, nil
				})
			}
			err := g.Wait()
			item, ok := errors.AsType[*fanout.ItemError](err)
			require.True(t, ok)
			require.Equal(t, k, item.Index)
			require.Equal(t, errBoom, item.Err)
			require.LessOrEqual(t, begun.Load(), int64(k+workers))
			for i, f := range futures {
				v, err := f.Result()
				switch {
				case i < k && err == nil:
					require.Equal(t, i, v)
				default:
					require.Error(t, err)
					require.Zero(t, v, "a value beside an error")
				}
			}
			_, err = futures[tasks-1].Result()
			if k < tasks-workers {
				require.ErrorIs(t, err, fanout.ErrSkipped)
				require.ErrorIs(t, err, errBoom, "what stopped the group")
			}
		}
	})
}

func TestABlockedGoObeysItsContext(t *testing.T) { // P05
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		g := fanout.NewGroup(ctx, fanout.Workers(1))
		busy := g.Go(func(context.Context) error { <-release; return nil }) // it does not look at its context
		queued := g.Go(func(context.Context) error { return errBoom })
		start := time.Now()
		blocked := g.Go(func(context.Context) error { return errBoom })
		require.Equal(t, time.Second, time.Since(start))
		_, err := blocked.Result()
		require.ErrorIs(t, err, fanout.ErrSkipped)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(release)
		require.Equal(t, context.DeadlineExceeded, g.Wait())
		_, err = busy.Result()
		require.NoError(t, err, "its one true outcome") // P06
		_, err = queued.Result()
		require.ErrorIs(t, err, fanout.ErrSkipped)
	})
}

func TestTasksBeginInTheOrderOfTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := fanout.NewGroup(t.Context(), fanout.Workers(1))
		var order []int
		for i := range 30 {
			go g.Go(func(context.Context) error {
				order = append(order, i)
				time.Sleep(time.Second)
				return nil
			})
			synctest.Wait()
		}
		require.NoError(t, g.Wait())
		require.Equal(t, upTo(30), order)
	})
}

func TestGoWaitsUntilMoreThanHalfOfThoseThatWaitHaveBegun(t *testing.T) {
	for workers := 1; workers <= 9; workers++ {
		synctest.Test(t, func(t *testing.T) {
			g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
			for i := range 2 * workers { // as many run, and end one a second, as wait
				g.Go(func(context.Context) error {
					if i < workers {
						time.Sleep(time.Duration(1+i) * time.Second)
					} else {
						time.Sleep(time.Hour)
					}
					return nil
				})
			}
			start := time.Now()
			g.Go(func(context.Context) error { return nil })
			require.Equal(t, time.Duration(workers/2+1)*time.Second, time.Since(start), "%d workers", workers)
			require.NoError(t, g.Wait())
		})
	}
}

func TestAGroupIsResizedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := fanout.NewGroup(t.Context(), fanout.Workers(2))
		var running atomic.Int64
		go func() {
			for range 100 {
				g.Go(func(context.Context) error {
					running.Add(1)
					time.Sleep(time.Second)
					running.Add(-1)
					return nil
				})
			}
		}()
		synctest.Wait()
		require.EqualValues(t, 2, running.Load())
		g.SetWorkers(7)
		synctest.Wait()
		require.EqualValues(t, 7, running.Load())
		require.Equal(t, 7, g.Workers())
		g.SetWorkers(3)
		synctest.Wait()
		require.EqualValues(t, 7, running.Load(), "those that run are not disturbed")
		time.Sleep(1500 * time.Millisecond)
		require.EqualValues(t, 3, running.Load())
		require.NoError(t, g.Wait())
		require.PanicsWithValue(t, "fanout: Workers must be at least 1, got 0", func() { g.SetWorkers(0) })
	})
}

func TestAPanicOfATaskStopsTheGroupAndIsRaisedByWait(t *testing.T) { // trap T16
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 2, 8} {
			g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
			var gauge gauge
			waits := func(ctx context.Context) error {
				defer gauge.enter()()
				<-ctx.Done()
				return ctx.Err()
			}
			bad := g.Go(func(context.Context) error { panic(errBoom) })
			for range 20 {
				g.Go(waits)
			}
			for range 2 {
				end := testkit.Run(func() { _ = g.Wait() })
				require.True(t, end.Panicked)
				require.ErrorIs(t, end.Value.(*fanout.PanicError), errBoom)
			}
			gauge.quiet(t)
			_, err := bad.Result()
			p, ok := errors.AsType[*fanout.PanicError](err)
			require.True(t, ok)
			require.Equal(t, errBoom, p.Value)
		}
	})
}

func TestAGoexitOfATaskStopsTheGroupAndEndsWhoWaits(t *testing.T) { // trap T17; P03
	synctest.Test(t, func(t *testing.T) {
		g := fanout.NewGroup(t.Context(), fanout.Workers(2))
		bad := g.Go(func(context.Context) error { runtime.Goexit(); return nil })
		for range 20 {
			g.Go(func(ctx context.Context) error { <-ctx.Done(); return nil })
		}
		end := testkit.Run(func() { _ = g.Wait() })
		require.True(t, end.Exited)
		_, err := bad.Result()
		require.Equal(t, fanout.ErrGoexit, err)
	})
}

func TestAGroupCollectsErrors(t *testing.T) {
	g := fanout.NewGroup(t.Context(), fanout.Workers(4), fanout.KeepFailures(3))
	for i := range 50 {
		g.Go(func(context.Context) error {
			if i%2 == 1 {
				return errBoom
			}
			return nil
		})
	}
	err := g.Wait()
	batch, ok := errors.AsType[*fanout.BatchError](err)
	require.True(t, ok)
	require.Len(t, batch.Failures, 3)
	for i, f := range batch.Failures {
		require.Equal(t, 2*i+1, f.Index)
	}
	require.Equal(t, 22, batch.Dropped)
}

func TestTasksMayStartTasks(t *testing.T) {
	g := fanout.NewGroup(t.Context(), fanout.Workers(4))
	var n atomic.Int64
	var start func(depth int) func(context.Context) error
	start = func(depth int) func(context.Context) error {
		return func(context.Context) error {
			n.Add(1)
			if depth > 0 {
				g.Go(start(depth - 1))
			}
			return nil
		}
	}
	for range 3 {
		g.Go(start(10))
	}
	require.NoError(t, g.Wait())
	require.EqualValues(t, 33, n.Load())
}

func TestAGroupThatNobodyWaitsForLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it fails if one is left
		g := fanout.NewGroup(t.Context(), fanout.Workers(2))
		for range 10 {
			_, err := g.Go(func(context.Context) error { return nil }).Result()
			require.NoError(t, err)
		}
	})
}

func TestGoAfterWaitPanics(t *testing.T) {
	g := fanout.NewGroup(t.Context())
	require.NoError(t, g.Wait())
	require.PanicsWithValue(t, "fanout: Go was called after Wait had returned; make a new Group", func() {
		g.Go(func(context.Context) error { return nil })
	})
}

func TestAGroupOfADoneContextRunsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	g := fanout.NewGroup(ctx)
	f := g.Go(func(context.Context) error { panic("ran") })
	_, err := f.Result()
	require.ErrorIs(t, err, fanout.ErrSkipped)
	require.ErrorIs(t, err, errBoom)
	err = g.Wait()
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errBoom)
}

func TestTheContextOfAGroupEndsWithIt(t *testing.T) { // trap T5
	g := fanout.NewGroup(t.Context())
	var seen context.Context
	g.Go(func(ctx context.Context) error { seen = ctx; return nil })
	require.NoError(t, g.Wait())
	require.Equal(t, context.Canceled, seen.Err())
}

func TestFuturesTellWhenTheyAreDone(t *testing.T) {
	g := fanout.NewGroup(t.Context())
	f := fanout.Go(g, func(context.Context) (int, error) { return 7, nil })
	<-f.Done()
	v, err := f.Result()
	require.NoError(t, err)
	require.Equal(t, 7, v)
	require.NoError(t, g.Wait())
}

func TestAGroupSurvivesEverythingAtOnce(t *testing.T) {
	for round := range 50 {
		g := fanout.NewGroup(t.Context(), fanout.Workers(1+round%4))
		var wg sync.WaitGroup
		var ran atomic.Int64
		for i := range 4 {
			wg.Go(func() {
				for j := range 25 {
					f := fanout.Go(g, func(context.Context) (int, error) {
						ran.Add(1)
						if round%2 == 1 && i == 2 && j == 20 {
							return 0, errBoom
						}
						return j, nil
					})
					if v, err := f.Result(); err == nil {
						assert.Equal(t, j, v)
					}
					if j%10 == 0 {
						g.SetWorkers(1 + (i+j)%5)
					}
				}
			})
		}
		wg.Wait()
		err := g.Wait()
		if round%2 == 1 {
			require.ErrorIs(t, err, errBoom)
		} else {
			require.NoError(t, err)
			require.EqualValues(t, 100, ran.Load())
		}
	}
}
