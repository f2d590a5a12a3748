package pipeline_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/pipeline"
)

// repeat yields an item as often as times says.
func repeat(times func(v int) int) func(context.Context, int) iter.Seq2[int, error] {
	return func(_ context.Context, v int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for range times(v) {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// flatShapes are the ways to run a FlatMap in order.
func flatShapes() [][]pipeline.Option {
	return [][]pipeline.Option{
		nil,
		{pipeline.Buffer(3)},
		{pipeline.Workers(2)},
		{pipeline.Workers(4), pipeline.Window(2)},
	}
}

func TestFlatMapIsInOrderOfInputThenOfEmission(t *testing.T) {
	times := func(v int) int { return []int{0, 1, 300, 64, 65, 3}[v%6] } // below, at and above what is made ahead
	var want []int
	for v := range 40 {
		want = append(want, slices.Repeat([]int{v}, times(v))...)
	}
	for _, opts := range flatShapes() {
		got, err := pipeline.FlatMap(pipeline.New[int](), repeat(times), opts...).Collect(t.Context(), numbers(40))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	got, err := pipeline.FlatMap(pipeline.New[int](), repeat(times), pipeline.Workers(3), pipeline.Unordered()).Collect(t.Context(), numbers(40))
	require.NoError(t, err)
	assert.ElementsMatch(t, want, got)
}

func TestFlatMapTakesNilForNothing(t *testing.T) {
	nothing := func(context.Context, int) iter.Seq2[int, error] { return nil }
	for _, opts := range flatShapes() {
		got, err := pipeline.FlatMap(pipeline.New[int](), nothing, opts...).Collect(t.Context(), numbers(9))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
}

func TestFlatMapOfAnEndlessSequenceIsBoundedAndStops(t *testing.T) {
	for _, opts := range flatShapes() {
		synctest.Test(t, func(t *testing.T) {
			var made, active atomic.Int64
			endless := func(_ context.Context, v int) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					active.Add(1)
					defer active.Add(-1)
					for yield(v, nil) {
						made.Add(1)
					}
				}
			}
			n := 0
			for _, err := range pipeline.FlatMap(pipeline.New[int](), endless, opts...).Stream(t.Context(), numbers(100)) {
				require.NoError(t, err)
				if n++; n == 500 {
					synctest.Wait() // whoever can work ahead has
					break
				}
			}
			assert.Zero(t, active.Load(), "nothing runs on return")
			assert.LessOrEqual(t, made.Load(), int64(500+4*64+10))
		})
	}
}

func TestFlatMapHandsOnWhileASequenceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; i < 200 && yield(v, nil); i++ {
					time.Sleep(time.Second)
				}
			}
		}
		begin := time.Now()
		first := time.Duration(-1)
		for _, err := range pipeline.FlatMap(pipeline.New[int](), slow, pipeline.Workers(2)).Stream(t.Context(), numbers(2)) {
			require.NoError(t, err)
			if first < 0 {
				first = time.Since(begin)
			}
		}
		assert.Zero(t, first, "an item is visible as soon as it is made")
		assert.Equal(t, 336*time.Second, time.Since(begin), "both sequences at once, but for what is not made ahead")
	})
}

func TestAnErrorInASequence(t *testing.T) {
	flaky := func(_ context.Context, v int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range 100 {
				switch {
				case v == 1 && i == 80:
					if !yield(0, errBoom) {
						return
					}
				case !yield(v, nil):
					return
				}
			}
		}
	}
	for _, opts := range flatShapes() {
		p := pipeline.FlatMap(pipeline.New[int](), flaky, opts...)
		var got []int
		var last error
		for v, err := range p.Stream(t.Context(), numbers(3)) {
			if err != nil {
				last = err
				break
			}
			got = append(got, v)
		}
		var e *pipeline.StageError
		require.ErrorAs(t, last, &e)
		assert.Equal(t, &pipeline.StageError{Stage: "flatmap 1", Index: 1, Item: 1, Attempt: 1, Err: errBoom}, e)
		assert.Len(t, got, 180, "what came before the error")

		all, err := pipeline.FlatMap(pipeline.New[int](), flaky, append(opts, pipeline.OnError(skip))...).Collect(t.Context(), numbers(3))
		require.NoError(t, err)
		assert.Len(t, all, 299, "Skip drops what came with the error and goes on")

		again := func(*pipeline.StageError) pipeline.Action { return pipeline.Retry }
		_, err = pipeline.FlatMap(pipeline.New[int](), flaky, append(opts, pipeline.OnError(again))...).Collect(t.Context(), numbers(3))
		require.ErrorAs(t, err, &e, "what has been handed on cannot be made again")
	}
}

func TestRetryOfASequenceThatHasGivenNothing(t *testing.T) {
	for _, opts := range flatShapes() {
		var calls atomic.Int64
		f := func(_ context.Context, v int) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if calls.Add(1) < 4 {
					yield(0, errBoom)
					return
				}
				yield(v, nil)
			}
		}
		p := pipeline.FlatMap(pipeline.New[int](), f, append(opts, pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
			assert.Equal(t, int(calls.Load()), e.Attempt)
			return pipeline.Retry
		}))...)
		got, err := p.Collect(t.Context(), numbers(1))
		require.NoError(t, err)
		assert.Equal(t, []int{0}, got)
	}
}

func TestAPanicOrGoexitInASequence(t *testing.T) {
	for _, at := range []int{0, 3, 63, 64, 65, 150} {
		for _, end := range []func(){func() { panic(errBoom) }, runtime.Goexit} {
			for _, opts := range flatShapes() {
				bad := func(_ context.Context, v int) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := range 200 {
							if v == 2 && i == at {
								end()
							}
							if !yield(v, nil) {
								return
							}
						}
					}
				}
				n := 0
				var last error
				ended := testkit.Run(func() {
					for _, err := range pipeline.FlatMap(pipeline.New[int](), bad, opts...).Stream(t.Context(), numbers(5)) {
						if last = err; err == nil {
							n++
						}
					}
				})
				require.Error(t, last)
				assert.False(t, ended.Panicked)
				assert.Equal(t, 400+at, n, "what came before, as in a plain loop")
			}
		}
	}
}
