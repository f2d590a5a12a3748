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

func TestWaitDiscardsWhatNobodyReads(t *testing.T) {
	run := pipeline.New[int]().Filter(even).Start(t.Context(), numbers(1000))
	require.NoError(t, run.Wait())
	s := run.Stats()
	assert.Equal(t, int64(500), s.Discarded)
	assert.Equal(t, []pipeline.StageStats{{Name: "filter 1", In: 1000, Out: 500}}, s.Stages)
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
			{Name: "no odd", In: 20, Out: 10, Errors: 20},
			{Name: "batch 2", In: 10, Out: 4},
		}, run.Stats().Stages)
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
