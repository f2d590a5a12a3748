package pipeline_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func less(n int) func(context.Context, int) (bool, error) {
	return func(_ context.Context, v int) (bool, error) { return v%1000 < n, nil }
}

// The stages that end what comes before them do so at once, in every shape.
func TestTakeEndsWhatComesBeforeIt(t *testing.T) {
	for _, s := range shapes() {
		for n := range 5 {
			ends := map[string]*pipeline.Pipeline[int, int]{}
			p := &probe{}
			ends["take"] = p.build(s).Take(n)
			ends["take with a buffer"] = p.build(s).Take(n, pipeline.Buffer(2)).Then(add(0))
			if !s.unordered {
				ends["takewhile"] = p.build(s).TakeWhile(less(n))
			}
			for name, q := range ends {
				for _, r := range runners {
					got, err := r.run(t.Context(), q, p.source(1_000_000), func(int) bool { return true })
					require.NoError(t, err)
					p.stopped(t)
					assert.Len(t, got, n, "%s %d, %s, %s", name, n, s.name, r.name)
				}
			}
			assert.Less(t, p.calls.Load(), int64(20_000))
		}
	}
}

func TestTakeReadsNoItemTooMany(t *testing.T) {
	for n := range 4 {
		read := 0
		src := func(yield func(int) bool) {
			for read < 100 {
				read++
				if !yield(read - 1) {
					return
				}
			}
		}
		got, err := pipeline.New[int]().Take(n).Collect(t.Context(), src)
		require.NoError(t, err)
		assert.Len(t, got, n)
		assert.Equal(t, n, read)

		read = 0
		got, err = pipeline.New[int]().TakeWhile(less(n)).Collect(t.Context(), src)
		require.NoError(t, err)
		assert.Len(t, got, n)
		assert.Equal(t, n+1, read, "and the one that ends it")
	}
}

func TestTakeCancelsTheWorkersBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, v int) (int, error) {
			if v == 0 {
				return v, nil
			}
			<-ctx.Done()
			return v, ctx.Err()
		}
		got, err := pipeline.New[int]().Then(slow, pipeline.Workers(4)).Take(1).Then(func(ctx context.Context, v int) (int, error) {
			assert.NoError(t, ctx.Err(), "the rest goes on")
			return v, nil
		}).Collect(t.Context(), numbers(10))
		require.NoError(t, err)
		assert.Equal(t, []int{0}, got)
	})
}

func TestAStageBehindTakeSeesTheEnd(t *testing.T) {
	got, err := pipeline.Batch(pipeline.New[int]().Skip(3).Take(5), 2).Collect(t.Context(), numbers(100))
	require.NoError(t, err)
	assert.Equal(t, [][]int{{3, 4}, {5, 6}, {7}}, got)
}

func TestSkipDropsTheFirst(t *testing.T) {
	for n := range 8 {
		got, err := pipeline.New[int]().Skip(n).Collect(t.Context(), numbers(5))
		require.NoError(t, err)
		assert.Equal(t, append([]int(nil), upTo(5)[min(n, 5):]...), got)
	}
}

func TestTakeWhileFails(t *testing.T) {
	bad := func(_ context.Context, v int) (bool, error) {
		if v == 2 {
			return true, errBoom
		}
		return v < 5, nil
	}
	_, err := pipeline.New[int]().TakeWhile(bad).Collect(t.Context(), numbers(9))
	assert.Equal(t, &pipeline.StageError{Stage: "takewhile 1", Index: 2, Item: 2, Attempt: 1, Err: errBoom}, err)
	got, err := pipeline.New[int]().TakeWhile(bad, pipeline.OnError(skip)).Collect(t.Context(), numbers(9))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 3, 4}, got)
}

func TestScanKeepsARunningState(t *testing.T) {
	flaky := func(_ context.Context, sum float64, v int) (float64, error) {
		if v == 2 {
			return -1, errBoom
		}
		return sum + float64(v), nil
	}
	p := pipeline.Scan(pipeline.New[int](), 0.5, flaky, pipeline.OnError(skip))
	for range 2 { // each run begins anew
		got, err := p.Collect(t.Context(), numbers(5))
		require.NoError(t, err)
		assert.Equal(t, []float64{0.5, 1.5, 4.5, 8.5}, got, "an item that failed changes nothing")
	}
	one, err := p.Execute(t.Context(), 4)
	require.NoError(t, err)
	assert.InDelta(t, 4.5, one, 0)
}

func TestDistinctRemembersTheLastKeys(t *testing.T) {
	in := slices.Values([]int{1, 1, 2, 1, 3, 2, 4, 1, 4, 3})
	tests := []struct {
		n    int
		want []int
	}{
		{1, []int{1, 2, 1, 3, 2, 4, 1, 4, 3}},
		{2, []int{1, 2, 3, 4, 1, 3}},
		{100, []int{1, 2, 3, 4}},
	}
	for _, tt := range tests {
		got, err := pipeline.Distinct(pipeline.New[int](), tt.n, func(v int) int { return v }).Collect(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, "n=%d", tt.n)
	}
}

func TestUnbatchUndoesBatch(t *testing.T) {
	p := pipeline.Unbatch(pipeline.Batch(pipeline.New[int](), 3))
	got, err := p.Collect(t.Context(), numbers(100))
	require.NoError(t, err)
	assert.Equal(t, upTo(100), got)
	n, err := p.Take(7).Count(t.Context(), numbers(100))
	require.NoError(t, err)
	assert.Equal(t, int64(7), n)
}

func TestADeadLetterGetsWhatFailed(t *testing.T) {
	type letter struct {
		stage         string
		index         int64
		item, attempt int
	}
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 3} {
			letters := make(chan letter, 10)
			sink := func(_ context.Context, e *pipeline.StageError) error {
				time.Sleep(time.Second) // it may block
				letters <- letter{e.Stage, e.Index, e.Item.(int), e.Attempt}
				return nil
			}
			odd := func(_ context.Context, v int) (int, error) {
				if v%2 == 1 {
					return 0, errBoom
				}
				return v, nil
			}
			retryOnce := func(e *pipeline.StageError) pipeline.Action {
				if e.Attempt == 1 {
					return pipeline.Retry
				}
				return pipeline.ToDeadLetter
			}
			p := pipeline.New[int]().Then(odd, pipeline.Name("odd"), pipeline.Workers(workers), pipeline.DeadLetter(sink))
			got, err := p.Collect(t.Context(), numbers(4))
			require.NoError(t, err)
			assert.Equal(t, []int{0, 2}, got)
			assert.ElementsMatch(t, []letter{{"odd", 1, 1, 1}, {"odd", 3, 3, 1}}, []letter{<-letters, <-letters})

			p = pipeline.New[int]().Then(odd, pipeline.Workers(workers), pipeline.DeadLetter(sink), pipeline.OnError(retryOnce))
			_, err = p.Collect(t.Context(), numbers(2))
			require.NoError(t, err)
			assert.Equal(t, letter{"then 1", 1, 1, 2}, <-letters)
		}
	})
}

func TestADeadLetterThatFailsEndsTheRun(t *testing.T) {
	full := func(context.Context, *pipeline.StageError) error { return context.DeadlineExceeded }
	_, err := pipeline.New[int]().Then(fails(9, errBoom), pipeline.DeadLetter(full)).Collect(t.Context(), numbers(2))
	assert.ErrorIs(t, err, errBoom)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	missing := func(*pipeline.StageError) pipeline.Action { return pipeline.ToDeadLetter }
	assert.PanicsWithValue(t, "pipeline: OnError returned ToDeadLetter at a stage without the option DeadLetter", func() {
		_, _ = pipeline.New[int]().Then(fails(9, errBoom), pipeline.OnError(missing)).Execute(t.Context(), 1)
	})
}

// A Batch hands on what came before an error and then the error. Whoever has enough
// of that leaves as a break does: the error behind it is not met.
func TestAnErrorBehindWhatTakeWantsIsNotMet(t *testing.T) {
	bad := func(_ context.Context, v int) (int, error) {
		if v == 5 {
			return 0, errBoom
		}
		return v, nil
	}
	small := func(_ context.Context, v int) (bool, error) { return v < 3, nil }
	upTo5 := pipeline.Unbatch(pipeline.Batch(pipeline.From(bad), 7))
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Buffer(2)}} {
		for name, p := range map[string]*pipeline.Pipeline[int, int]{"take": upTo5.Take(3, opts...), "takewhile": upTo5.TakeWhile(small, opts...)} {
			got, err := p.Collect(t.Context(), numbers(9))
			require.NoError(t, err, name)
			assert.Equal(t, []int{0, 1, 2}, got, name)
		}
	}
	got, err := upTo5.Take(6).Collect(t.Context(), numbers(9))
	require.ErrorIs(t, err, errBoom, "it wants more than there is")
	assert.Equal(t, []int(nil), got)
}

// A key that is not equal to itself is like no other, so there is nothing to remember:
// a map would keep each of them, and could not delete one.
func TestDistinctForgetsKeysThatEqualNothing(t *testing.T) {
	const n = 200_000
	p := pipeline.Distinct(pipeline.New[int](), 2, func(v int) float64 {
		if v%2 == 0 {
			return math.NaN()
		}
		return 7
	})
	growth, items := heapGrowth(t, n, p.Stream(t.Context(), count(2*n)))
	assert.Equal(t, n+1, items, "every NaN, and one 7: NaNs do not push it out")
	assert.Less(t, growth, int64(1<<20))
}
