package pipeline_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func TestProgressIsReportedWhileTheRunWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		var out, low []int64
		run := pipeline.New[int]().Then(add(1)).Start(t.Context(), paced(time.Second, time.Second, time.Second, time.Second),
			pipeline.Checkpoints(0), pipeline.Progress(1500*time.Millisecond, func(s pipeline.Stats) {
				at, out, low = append(at, time.Since(begin)), append(out, s.Stages[0].Out), append(low, s.Checkpoint)
			}))
		require.NoError(t, run.Wait())
		assert.Equal(t, []time.Duration{1500 * time.Millisecond, 3 * time.Second, 4 * time.Second}, at, "the last one at the end")
		assert.Equal(t, int64(1), out[0])
		assert.Equal(t, int64(1), low[0])
		assert.Equal(t, int64(4), out[2])
	})
}

// A report may look at the run and change it, as no lock is held.
func TestAReportMayUseTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := make(chan *pipeline.Run[int], 1)
		var run *pipeline.Run[int]
		reports := 0
		slowly := func(yield func(int) bool) {
			for yield(1) {
				time.Sleep(time.Millisecond)
			}
		}
		run = pipeline.New[int]().Then(add(1), pipeline.Name("work"), pipeline.Workers(2)).Start(t.Context(), slowly,
			pipeline.Progress(time.Second, func(pipeline.Stats) {
				if run == nil {
					run = <-ready
				}
				reports++
				run.Stats()
				run.SetWorkers("work", 3)
				run.Drain()
			}))
		ready <- run
		require.NoError(t, run.Wait())
		assert.Equal(t, 3, run.Stats().Stages[0].Workers)
	})
}

func TestNoReportIsMadeAfterTheEnd(t *testing.T) {
	for _, s := range shapes() {
		reports := 0
		run := (&probe{}).build(s).Start(t.Context(), endless, pipeline.Progress(time.Microsecond, func(pipeline.Stats) { reports++ }))
		for range run.Results() {
			break
		}
		n := reports // without a lock: the race detector knows whether it has ended
		runtime.Gosched()
		assert.Equal(t, n, reports)
		assert.Positive(t, n)
	}
}

func TestAReportThatFailsEndsTheRun(t *testing.T) {
	run := pipeline.New[int]().Start(t.Context(), endless, pipeline.Progress(time.Microsecond, func(pipeline.Stats) { panic(errBoom) }))
	var p *pipeline.PanicError
	require.ErrorAs(t, run.Wait(), &p)
	assert.Equal(t, errBoom, p.Value)
	run = pipeline.New[int]().Start(t.Context(), endless, pipeline.Progress(time.Microsecond, func(pipeline.Stats) { runtime.Goexit() }))
	assert.Equal(t, pipeline.ErrGoexit, run.Wait())
	run = pipeline.New[int]().Start(t.Context(), numbers(3), pipeline.Progress(time.Hour, func(pipeline.Stats) { panic(errBoom) }))
	require.ErrorAs(t, run.Wait(), &p, "in the last one too")
}

func TestBadProgress(t *testing.T) {
	assert.PanicsWithValue(t, "pipeline: the interval of Progress must be positive, got 0s", func() { pipeline.Progress(0, func(pipeline.Stats) {}) })
	assert.PanicsWithValue(t, "pipeline: Progress needs a function, got nil", func() { pipeline.Progress(time.Second, nil) })
}

func TestStatsTellHowFullABufferIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		run := pipeline.New[int]().Then(add(1), pipeline.Buffer(24)).
			Tap(func(context.Context, int) error { <-gate; return nil }).
			Start(t.Context(), numbers(60))
		synctest.Wait()
		assert.Equal(t, []int64{24, 0}, []int64{run.Stats().Stages[0].Buffered, run.Stats().Stages[1].Buffered})
		gate <- struct{}{}
		synctest.Wait()
		assert.Equal(t, int64(23), run.Stats().Stages[0].Buffered, "room is made for several at a time")
		gate <- struct{}{}
		synctest.Wait()
		assert.Equal(t, int64(24), run.Stats().Stages[0].Buffered, "an eighth of it")
		close(gate)
		require.NoError(t, run.Wait())
		assert.Zero(t, run.Stats().Stages[0].Buffered)
	})
}
