package pipeline_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// Each of these is a way in which a library of this kind has been seen to fail.
// Those that have a test of their own elsewhere are named there.

// P01, T1: rill, go-streams and deliveryhero/pipeline leave goroutines behind
// when a consumer breaks; P01b, T2: rill goes on to call the stage.
func TestTrapABreakStopsEverything(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		n := 0
		for _, err := range p.build(s).Stream(t.Context(), p.source(10_000)) {
			require.NoError(t, err)
			if n++; n == 3 {
				break
			}
		}
		p.stopped(t)
		assert.Less(t, p.calls.Load(), int64(3*1500), "%s: read ahead is bounded by the windows", s.name)
		before := p.calls.Load()
		for range 100 {
			runtime.Gosched()
		}
		assert.Equal(t, before, p.calls.Load())
	}
}

// P01c, P04: rill.ForEach made 7,315 more calls after the error; conc and
// errgroup begin every item with a dead context.
func TestTrapNothingIsBegunAfterTheFirstError(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{cut: func(_ context.Context, place string, _ int) error {
			if place == "stage 1" {
				return errBoom
			}
			return nil
		}}
		_, err := p.build(s).Collect(t.Context(), p.source(10_000))
		assert.ErrorIs(t, err, errBoom)
		assert.LessOrEqual(t, p.calls.Load(), int64(3), "%s: one for each worker of the stage", s.name)
		p.stopped(t)
	}
}

// P02: a panic must be recoverable by who asked for the work; P03: rill hangs on
// a Goexit, errgroup reports success. Both are injected everywhere by
// TestConformance; this is the shortest form.
func TestTrapAFaultReachesTheCaller(t *testing.T) {
	p := pipeline.New[int]().Then(func(context.Context, int) (int, error) { panic("boom") }, pipeline.Workers(4))
	assert.Panics(t, func() { _, _ = p.Collect(t.Context(), numbers(100)) })
}

// P05: what waits in the queue obeys its context.
func TestTrapABlockedSourceIsWokenByTheContext(t *testing.T) {
	for _, s := range shapes() {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			p := &probe{}
			stuck := p.build(s).Then(func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return v, ctx.Err() })
			_, err := stuck.Collect(ctx, p.source(1_000_000))
			assert.Equal(t, context.DeadlineExceeded, err)
			p.stopped(t)
		})
	}
}

// P06, T12: a result is there or it is not; no zero stands for one.
func TestTrapNoZeroPosesAsAResult(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{cut: func(_ context.Context, place string, v int) error {
			if place == "stage 3" && v == 50 {
				return errBoom
			}
			return nil
		}}
		all, err := p.build(s).Collect(t.Context(), p.source(100))
		require.Error(t, err)
		assert.Nil(t, all)
		for v, err := range p.build(s).Stream(t.Context(), p.source(100)) {
			if err == nil {
				assert.GreaterOrEqual(t, v, 111_000)
			}
		}
	}
}

// P07: go-streams turned 352 of 2000 items around.
func TestTrapOrderIsKept(t *testing.T) {
	p := pipeline.New[int]().Then(jitter(add(0)), pipeline.Workers(8)).Then(jitter(add(0)), pipeline.Workers(3))
	got, err := p.Collect(t.Context(), numbers(2000))
	require.NoError(t, err)
	assert.Equal(t, upTo(2000), got)
}

// T5: an item's context is dead when the run has ended, but not while later
// stages still work on what it made.
func TestTrapTheContextOutlivesTheStage(t *testing.T) {
	type body struct{ ctx context.Context }
	open := pipeline.From(func(ctx context.Context, _ int) (body, error) { return body{ctx}, nil }, pipeline.Workers(2))
	read := pipeline.Map(open, func(_ context.Context, b body) (error, error) { return b.ctx.Err(), nil })
	got, err := read.Collect(t.Context(), numbers(20))
	require.NoError(t, err)
	for _, err := range got {
		assert.NoError(t, err)
	}
}

// T7: a select between an item and the end loses items in juniper.Pipe.
func TestTrapWhatWasMadeBeforeTheEndIsDelivered(t *testing.T) {
	for range 200 {
		got, err := pipeline.New[int]().Then(add(0), pipeline.Buffer(16)).Collect(t.Context(), numbers(10))
		require.NoError(t, err)
		require.Equal(t, upTo(10), got)
	}
}

// T19: an item that is stuck bounds what is read behind it.
func TestTrapAStuckItemBoundsTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var read atomic.Int64
		src := func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
				read.Add(1)
			}
		}
		_, err := pipeline.New[int]().Then(func(ctx context.Context, v int) (int, error) {
			if v == 0 {
				<-ctx.Done()
			}
			return v, ctx.Err()
		}, pipeline.Workers(16)).Collect(ctx, src)
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.LessOrEqual(t, read.Load(), int64(4096))
	})
}

// T27, T29: the loop's body runs on the ranging goroutine alone, and its panic
// stops the run before it goes on.
func TestTrapTheBodyRunsOnTheRangingGoroutine(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		seen := 0 // no lock: the race detector would tell
		for _, err := range p.build(s).Stream(t.Context(), p.source(500)) {
			require.NoError(t, err)
			seen++
		}
		assert.Equal(t, 500, seen)
	}
}

// T28: a Stream is not used up by its first range, and a Run says that it is:
// see TestAStreamIsLazyAndEachRangeIsARun and TestWaitDiscardsWhatNobodyReads.

// 1e7 items leave a bounded heap behind them; fewer here, with the same figure.
func TestTrapALongStreamNeedsNoMoreMemoryThanAShortOne(t *testing.T) {
	p := pipeline.Batch(pipeline.New[int]().Then(add(1), pipeline.Workers(2)).Then(add(1), pipeline.Buffer(16)), 10)
	grown := func(n int) int64 {
		src := func(yield func(int) bool) {
			for i := 0; i < n && yield(i); i++ {
			}
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for b, err := range p.Stream(t.Context(), src) {
			if err != nil || len(b) == 0 {
				t.Error(b, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		return int64(after.HeapAlloc) - int64(before.HeapAlloc)
	}
	grown(1000)
	assert.Less(t, grown(300_000), int64(1<<20))
}

func TestTrapJoinedErrorsKeepTheirStage(t *testing.T) {
	two := errors.Join(errBoom, context.DeadlineExceeded)
	_, err := pipeline.New[int]().Then(fails(1, two), pipeline.Name("both")).Collect(t.Context(), slices.Values([]int{1}))
	var e *pipeline.StageError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "both", e.Stage)
	assert.ErrorIs(t, err, errBoom)
}
