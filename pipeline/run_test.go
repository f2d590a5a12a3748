package pipeline_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func endless(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func TestARunWorksInTheBackgroundAndWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := pipeline.New[int]().Then(add(1)).Start(t.Context(), endless)
		synctest.Wait()
		assert.Equal(t, int64(64+1), run.Stats().Stages[0].Out, "a queue of 64, and one that finds it full")
		run.Stop()
		assert.NoError(t, run.Wait(), "a run that was stopped has no error")
		assert.True(t, run.Stats().Stopped)
	})
}

// idle removes what depends on the machine.
func idle(stages []pipeline.StageStats) []pipeline.StageStats {
	for i := range stages {
		stages[i].Busy = 0
	}
	return stages
}

func TestWaitDiscardsWhatNobodyReads(t *testing.T) {
	run := pipeline.New[int]().Filter(even).Start(t.Context(), numbers(1000))
	require.NoError(t, run.Wait())
	s := run.Stats()
	assert.Equal(t, int64(500), s.Discarded)
	assert.Equal(t, []pipeline.StageStats{{Name: "filter 1", In: 1000, Out: 500, Workers: 1}}, idle(s.Stages))
	for _, err := range run.Results() {
		assert.Equal(t, pipeline.ErrConsumed, err)
	}
	require.NoError(t, run.Wait(), "as often as one likes")
}

func TestWaitBesideAReaderLeavesTheResultsToIt(t *testing.T) {
	run := pipeline.New[int]().Then(add(1)).Start(t.Context(), numbers(1000))
	var wg sync.WaitGroup
	n := 0
	for _, err := range run.Results() {
		require.NoError(t, err)
		if n++; n == 1 {
			wg.Go(func() { assert.NoError(t, run.Wait()) })
		}
	}
	wg.Wait()
	assert.Equal(t, 1000, n)
	assert.Zero(t, run.Stats().Discarded)
}

func TestLeavingTheResultsStopsTheRun(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		run := p.build(s).Start(t.Context(), p.source(1_000_000))
		for range run.Results() {
			break
		}
		p.stopped(t)
		assert.NoError(t, run.Wait())
		for _, err := range run.Results() {
			assert.Equal(t, pipeline.ErrConsumed, err)
		}
	}
}

func TestStopReturnsWhenEverythingHasStopped(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		run := p.build(s).Start(t.Context(), p.source(1_000_000))
		var wg sync.WaitGroup
		for range 3 { // from anywhere, any number of times
			wg.Go(func() {
				run.Stop()
				p.stopped(t)
			})
		}
		wg.Wait()
		assert.NoError(t, run.Wait())
	}
}

func TestARunEndsWithTheErrorOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	run := pipeline.New[int]().Then(add(1), pipeline.Workers(2)).Start(ctx, endless)
	var last error
	n := 0
	for _, err := range run.Results() {
		if n++; n == 10 {
			cancel(errBoom)
		}
		last = err
	}
	assert.ErrorIs(t, last, errBoom)
	assert.ErrorIs(t, run.Wait(), context.Canceled)
}

func TestARunDeliversAFault(t *testing.T) {
	for _, workers := range []int{1, 2} {
		bad := pipeline.New[int]().Then(func(context.Context, int) (int, error) { panic(errBoom) }, pipeline.Workers(workers))
		var p *pipeline.PanicError
		require.ErrorAs(t, bad.Start(t.Context(), numbers(5)).Wait(), &p)
		assert.Equal(t, errBoom, p.Value)
		gone := pipeline.New[int]().Then(func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }, pipeline.Workers(workers))
		assert.Equal(t, pipeline.ErrGoexit, gone.Start(t.Context(), numbers(5)).Wait())
	}
}

func TestStatsCountEachStage(t *testing.T) {
	odd := func(_ context.Context, v int) (int, error) {
		if v%2 == 1 {
			return 0, errBoom
		}
		return v, nil
	}
	for _, workers := range []int{1, 3} {
		p := pipeline.Batch(pipeline.New[int]().
			Then(odd, pipeline.Name("no odd"), pipeline.Workers(workers), pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
				if e.Attempt == 1 {
					return pipeline.Retry
				}
				return pipeline.Skip
			})), 3)
		run := p.Start(t.Context(), numbers(20))
		require.NoError(t, run.Wait())
		assert.Equal(t, []pipeline.StageStats{
			{Name: "no odd", In: 20, Out: 10, Errors: 20, Workers: workers},
			{Name: "batch 2", In: 10, Out: 4, Workers: 1},
		}, idle(run.Stats().Stages))
	}
}

func TestASlowStageDoesNotHideResultsOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		run := pipeline.New[int]().Start(t.Context(), paced(0, time.Minute, time.Minute))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			assert.Equal(t, time.Duration(n)*time.Minute, time.Since(begin))
			n++
		}
	})
}

func TestDrainFinishesWhatWasTakenAndTakesNoMore(t *testing.T) {
	for _, s := range shapes() {
		synctest.Test(t, func(t *testing.T) {
			p := &probe{}
			taken := 0
			run := p.build(s).Start(t.Context(), func(yield func(int) bool) {
				for i := range 1000 {
					taken++
					if !yield(i) {
						return
					}
				}
			})
			n := 0
			for _, err := range run.Results() {
				require.NoError(t, err)
				if n++; n == 5 {
					synctest.Wait()
					run.Drain()
					run.Drain()
				}
			}
			require.NoError(t, run.Wait())
			assert.Equal(t, taken, n, "%s: an item was taken and lost", s.name)
			assert.Less(t, taken, 1000)
			p.stopped(t)
		})
	}
}

func TestDrainEndsReceiveAtOnce(t *testing.T) {
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(2)}, {pipeline.Workers(2), pipeline.Unordered()}} {
		synctest.Test(t, func(t *testing.T) {
			ch := make(chan int, 3)
			ch <- 1
			run := pipeline.Receive[int](opts...).Start(t.Context(), pipeline.One((<-chan int)(ch)))
			synctest.Wait()
			run.Drain()
			require.NoError(t, run.Wait())
			assert.Equal(t, int64(1), run.Stats().Discarded)
		})
	}
}

func TestSetWorkersOfARun(t *testing.T) {
	for _, opts := range [][]pipeline.Option{{pipeline.Workers(2)}, {pipeline.Window(50)}, {pipeline.Workers(2), pipeline.Unordered()}} {
		synctest.Test(t, func(t *testing.T) {
			slow := func(ctx context.Context, v int) (int, error) {
				select {
				case <-time.After(time.Second):
					return v, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
			p := pipeline.New[int]().Then(add(1)).Then(slow, append(opts, pipeline.Name("slow"))...)
			run := p.Start(t.Context(), endless)
			run.SetWorkers("slow", 7) // before the stage can have begun
			go func() {
				for range run.Results() {
				}
			}()
			for _, n := range []int{7, 3, 20} {
				run.SetWorkers("slow", n)
				time.Sleep(5*time.Second + time.Millisecond)
				before := run.Stats()
				time.Sleep(10 * time.Second)
				s := run.Stats().Stages[1]
				assert.Equal(t, int64(10*n), s.Out-before.Stages[1].Out)
				assert.Equal(t, n, s.Workers)
				assert.Positive(t, s.Queued, "here is the bottleneck")
				assert.GreaterOrEqual(t, s.Begun, int64(n))
			}
			assert.PanicsWithValue(t, "pipeline: workers must be between 1 and 1073741824, got 0", func() { run.SetWorkers("slow", 0) })
			for _, name := range []string{"then 1", "unknown"} {
				assert.PanicsWithValue(t, "pipeline: no stage \""+name+"\" with workers of its own; give it Workers or a Window",
					func() { run.SetWorkers(name, 3) })
			}
			run.Stop()
		})
	}
}

func TestBusyShowsWhereTheTimeGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return v, nil }
		keep := func(context.Context, int) (bool, error) { time.Sleep(time.Minute); return true, nil }
		run := pipeline.New[int]().Then(add(1)).Then(slow, pipeline.Workers(5)).Filter(keep).Start(t.Context(), numbers(20))
		require.NoError(t, run.Wait())
		s := run.Stats().Stages
		assert.Zero(t, s[0].Busy)
		assert.Equal(t, 20*time.Second, s[1].Busy, "of all workers together")
		assert.Equal(t, 20*time.Minute, s[2].Busy)
	})
}

// What has failed and is to be tried again was taken: a drain waits until it is done.
func TestDrainLetsRetriesFinish(t *testing.T) {
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(2)}, {pipeline.Workers(2), pipeline.Unordered()}} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			late := func(_ context.Context, v int) (int, error) {
				time.Sleep(time.Second)
				if calls++; calls < 5 {
					return 0, errBoom
				}
				return v, nil
			}
			again := pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return pipeline.Retry })
			taken := 0
			run := pipeline.New[int]().Then(late, append(opts, again)...).Start(t.Context(), func(yield func(int) bool) {
				for taken++; yield(taken); taken++ {
					time.Sleep(time.Hour)
				}
			})
			time.Sleep(1500 * time.Millisecond) // in the second attempt
			run.Drain()
			var got []int
			for v, err := range run.Results() {
				require.NoError(t, err)
				got = append(got, v)
			}
			require.NoError(t, run.Wait())
			assert.Len(t, got, taken, "nothing that was taken is lost")
			assert.LessOrEqual(t, taken, 2, "the source was asked once more at most")
			assert.Equal(t, 4+taken, calls)
		})
	}
}

func TestSetWorkersWhileARunDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return v, nil }
		run := pipeline.New[int]().Then(slow, pipeline.Workers(2), pipeline.Window(20), pipeline.Name("slow")).
			Start(t.Context(), endless)
		synctest.Wait()
		run.Drain()
		run.SetWorkers("slow", 20)
		begin := time.Now()
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			n++
		}
		require.NoError(t, run.Wait())
		assert.Equal(t, 21, n, "what was in the window, and one that waited for room")
		assert.LessOrEqual(t, time.Since(begin), 3*time.Second, "with 2 workers it would take eleven")
		run.SetWorkers("slow", 1) // after the end it means nothing
	})
}

func TestTheReaderMayStopItsRun(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		run := p.build(s).Start(t.Context(), p.source(1_000_000))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			n++
			run.Stop()
			p.stopped(t)
		}
		assert.Equal(t, 1, n, s.name)
		assert.NoError(t, run.Wait())
	}
}
