package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// lowAfter is where the checkpoint of a run stands that is left in the loop of
// one more than so many results.
func lowAfter(t *testing.T, p *pipeline.Pipeline[int, int], n, results int) int64 {
	t.Helper()
	run := p.Start(t.Context(), numbers(n), pipeline.Checkpoints(0))
	for _, err := range run.Results() {
		require.NoError(t, err)
		if results--; results < 0 {
			break
		}
	}
	return run.Checkpoint()
}

func first(v []int) int { return v[0] }

func TestWhereACheckpointStands(t *testing.T) {
	twice := func(context.Context, int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }
	}
	all := 1000 // more results than there are
	w, b := pipeline.Workers(3), pipeline.Buffer(2)
	src := pipeline.New[int]
	tests := []struct {
		name    string
		p       *pipeline.Pipeline[int, int]
		results int
		want    int64
	}{
		{"everything", src().Then(add(1)), all, 20},
		{"a result in its loop is not done", src().Then(add(1)), 4, 4},
		{"dropped items before the result", src().Filter(func(_ context.Context, v int) (bool, error) { return v%5 == 4, nil }, w), 1, 9},
		{"half of an input", pipeline.FlatMap(src(), twice), 3, 1},
		{"half of an input, workers", pipeline.FlatMap(src(), twice, w), 3, 1},
		{"both halves", pipeline.FlatMap(src(), twice, b), 4, 2},
		{"take", src().Take(7), all, 7},
		{"take behind workers", src().Then(add(1), w).Take(7), all, 7},
		{"take before workers", src().Take(7).Then(add(1), w), all, 7},
		{"take and take", src().Take(9).Then(add(1), b).Take(7).Tap(func(context.Context, int) error { return nil }), all, 7},
		{"take of both halves", pipeline.FlatMap(src(), twice).Take(6), all, 2}, // whether there is a third part of number 2 nobody knows
		{"take of half", pipeline.FlatMap(src(), twice).Take(7), all, 3},
		{"take of half, workers", pipeline.FlatMap(src(), twice, w).Take(7), all, 3},
		{"take of half, unordered workers", pipeline.FlatMap(src(), twice, pipeline.Workers(1), pipeline.Window(1), pipeline.Unordered()).Take(7), all, 3},
		{"take of batches", pipeline.Map(pipeline.Batch(src(), 4).Take(2), pipeline.Lift(first)), all, 8},
		{"take of half a batch", pipeline.Unbatch(pipeline.Batch(src(), 4)).Take(6), all, 4},
		{"take of a whole batch", pipeline.Unbatch(pipeline.Batch(src(), 4)).Take(8), all, 8},
		{"take while", src().TakeWhile(func(_ context.Context, v int) (bool, error) { return v < 7, nil }), all, 7},
		{"skip", src().Skip(15).Then(add(1), w), 2, 17},
		{"distinct", pipeline.Distinct(src(), 50, func(v int) int { return v / 10 }), all, 20},
		{"windows", pipeline.Map(pipeline.Slide(src(), 4, 1), pipeline.Lift(first)), 3, 3},
		{"windows to the end", pipeline.Map(pipeline.Slide(src(), 7, 3), pipeline.Lift(first), w), all, 20},
		{"windows with gaps", pipeline.Map(pipeline.Slide(src(), 2, 5), pipeline.Lift(first)), 2, 10},
		{"take of windows", pipeline.Map(pipeline.Slide(src(), 4, 1).Take(3), pipeline.Lift(first)), all, 3},
		{"windows of time", pipeline.Map(pipeline.SlideTime(src(), time.Second, time.Second, 100), pipeline.Lift(first)), all, 20},
		{"the limit of a window of time", pipeline.Map(pipeline.SlideTime(src(), time.Second, time.Second, 3), pipeline.Lift(first)), 0, 17},
		{"batches by time", pipeline.Map(pipeline.Batch(src(), 6, pipeline.Every(time.Hour)), pipeline.Lift(first)), 2, 12},
		{"joined", pipeline.Join(src().Then(add(1), w), src().Filter(even, b)), 3, 7}, // the results are 2, 4, 6 and 8
		{"throttled", src().Throttle(layer(func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) })), 4, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := lowAfter(t, tt.p, 20, tt.results)
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

func TestAFailedItemIsWhereTheCheckpointStands(t *testing.T) {
	deadLetterFails := pipeline.DeadLetter(func(context.Context, *pipeline.StageError) error { return errors.New("full") })
	for name, opts := range map[string][]pipeline.Option{
		"fused": nil, "workers": {pipeline.Workers(4)}, "buffered": {pipeline.Buffer(3)},
		"dead letter": {deadLetterFails}, "dead letter, workers": {deadLetterFails, pipeline.Workers(2)},
		"unordered": {pipeline.Workers(1), pipeline.Window(2), pipeline.Unordered()},
	} {
		bad := func(_ context.Context, v int) (int, error) {
			if v == 11 {
				return 0, errBoom
			}
			return v, nil
		}
		run := pipeline.New[int]().Then(bad, opts...).Then(add(1), pipeline.Workers(2)).
			Start(t.Context(), numbers(50), pipeline.Checkpoints(0))
		require.ErrorIs(t, run.Wait(), errBoom)
		if name == "unordered" {
			assert.LessOrEqual(t, run.Checkpoint(), int64(11), name)
			continue
		}
		assert.Equal(t, int64(11), run.Checkpoint(), name)
	}
	for _, fault := range []func(){func() { panic("x") }, runtime.Goexit} {
		run := pipeline.New[int]().Tap(func(_ context.Context, v int) error {
			if v == 11 {
				fault()
			}
			return nil
		}).Start(t.Context(), numbers(50), pipeline.Checkpoints(0))
		require.Error(t, run.Wait())
		assert.Equal(t, int64(11), run.Checkpoint())
	}
}

// One item that is slow holds the checkpoint, and memory stays that of what is
// under way, however many overtake it.
func TestASlowItemHoldsTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := func(_ context.Context, v int) (int, error) {
			if v == 3 {
				<-release
			}
			return v, nil
		}
		run := pipeline.New[int]().Then(slow, pipeline.Workers(2), pipeline.Unordered()).
			Start(t.Context(), numbers(100_000), pipeline.Checkpoints(0))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			if n++; n == 99_999 {
				assert.Equal(t, int64(3), run.Checkpoint())
				close(release)
			}
		}
		assert.Equal(t, int64(100_000), run.Checkpoint())
	})
}

func TestDrainLeavesTheCheckpointBehindWhatWasTaken(t *testing.T) {
	for _, s := range shapes() {
		taken := int64(0)
		run := (&probe{}).build(s).Start(t.Context(), func(yield func(int) bool) {
			for i := range 100_000 {
				taken++
				if !yield(i) {
					return
				}
			}
		}, pipeline.Checkpoints(0))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			if n++; n == 100 {
				run.Drain()
			}
		}
		assert.Equal(t, taken, run.Checkpoint(), s.name)
	}
	// What waits for more items to make a window of is not done, if more will come.
	run := pipeline.Slide(pipeline.New[int](), 4, 1).Start(t.Context(), numbers(1000), pipeline.Checkpoints(0))
	last := 0
	for w, err := range run.Results() {
		require.NoError(t, err)
		last = w[0]
		run.Drain()
	}
	assert.Equal(t, int64(last+1), run.Checkpoint())
}

// A job that is stopped at random moments, and goes on where it stopped, leaves
// no item out, and does again only what was under way.
func TestAJobOfRunsGoesOnWhereItStopped(t *testing.T) {
	const n = 3000
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(4)}, {pipeline.Workers(4), pipeline.Unordered()}, {pipeline.Buffer(5)}} {
		var mu sync.Mutex
		stored := map[int]int{}
		low := int64(0)
		for low < n {
			p := pipeline.Map(pipeline.Batch(pipeline.New[int]().Then(add(0), opts...), 7), func(_ context.Context, b []int) ([]int, error) {
				mu.Lock()
				defer mu.Unlock()
				for _, v := range b {
					stored[v]++
				}
				return b, nil
			}, opts...)
			run := p.Start(t.Context(), numbers(n), pipeline.Checkpoints(low))
			end := 1 + rand.IntN(100)
			for _, err := range run.Results() {
				require.NoError(t, err)
				if end--; end == 0 {
					break
				}
			}
			require.GreaterOrEqual(t, run.Checkpoint(), low)
			low = run.Checkpoint()
		}
		require.Len(t, stored, n)
	}
}

func TestCheckpointsKeepTheNumbersOfTheItems(t *testing.T) {
	run := pipeline.New[int]().Then(add(0)).Start(t.Context(), numbers(10), pipeline.Checkpoints(7))
	assert.Equal(t, int64(7), run.Checkpoint(), "nobody has read yet")
	var got []int
	for v, err := range run.Results() {
		require.NoError(t, err)
		got = append(got, v)
	}
	assert.Equal(t, []int{7, 8, 9}, got)
	assert.Equal(t, int64(10), run.Checkpoint())
	assert.Equal(t, int64(10), run.Stats().Checkpoint)

	none := pipeline.New[int]().Start(t.Context(), numbers(1))
	defer none.Stop()
	assert.Equal(t, int64(-1), none.Stats().Checkpoint)
	assert.PanicsWithValue(t, "pipeline: this run has no checkpoint; give Start the option Checkpoints", func() { none.Checkpoint() })
	assert.PanicsWithValue(t, "pipeline: a checkpoint must be at least 0, got -1", func() { pipeline.Checkpoints(-1) })
}
