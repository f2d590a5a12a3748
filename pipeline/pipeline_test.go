package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func add(n int) pipeline.Stage[int, int] { return pipeline.Lift(func(v int) int { return v + n }) }

func even(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }

// numbers yields 0 to n-1.
func numbers(n int) iter.Seq[int] { return slices.Values(upTo(n)) }

func TestStagesOfOneTypeAndOfSeveral(t *testing.T) {
	clean := pipeline.New[string]().
		Then(pipeline.Lift(strings.TrimSpace)).
		Filter(func(_ context.Context, s string) (bool, error) { return s != "", nil })
	parse := pipeline.Map(clean, func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	halves := pipeline.Join(parse, pipeline.From(pipeline.Lift(func(n int) float64 { return float64(n) / 2 })))
	assert.Equal(t, 2, clean.Len())
	assert.Equal(t, 4, halves.Len())
	got, err := halves.Collect(t.Context(), slices.Values([]string{" 1", "", "2 ", " "}))
	require.NoError(t, err)
	assert.Equal(t, []float64{0.5, 1}, got)
	one, err := halves.Execute(t.Context(), " 7")
	require.NoError(t, err)
	assert.InDelta(t, 3.5, one, 0)
}

func TestAnEmptyPipelineHandsItemsOn(t *testing.T) {
	got, err := pipeline.New[int]().Collect(t.Context(), numbers(3))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 2}, got)
	one, err := pipeline.Join(pipeline.New[int](), pipeline.New[int]()).Execute(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, 7, one)
	got, err = pipeline.New[int]().Collect(t.Context(), numbers(0))
	require.NoError(t, err)
	assert.Empty(t, got)
}

// T34: a definition that shares its beginning with another must not share the
// memory behind it.
func TestABeginningCanHaveManyEnds(t *testing.T) {
	base := pipeline.New[int]()
	for range 5 {
		base = base.Then(add(1))
	}
	plus, minus := base.Then(add(100), pipeline.Name("plus")), base.Then(add(-100), pipeline.Name("minus"))
	fail := func(_ context.Context, _ int) (int, error) { return 0, errBoom }
	a, err := plus.Execute(t.Context(), 0)
	require.NoError(t, err)
	b, err := minus.Execute(t.Context(), 0)
	require.NoError(t, err)
	assert.Equal(t, []int{105, -95}, []int{a, b})
	one, two := base.Then(fail, pipeline.Name("one")), base.Then(fail, pipeline.Name("two"))
	var e *pipeline.StageError
	_, err = one.Execute(t.Context(), 0)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "one", e.Stage)
	_, err = two.Execute(t.Context(), 0)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "two", e.Stage)
}

func TestOnePipelineRunsManyTimesAtOnce(t *testing.T) {
	p := pipeline.New[int]().Then(add(1)).Then(add(1), pipeline.Workers(3)).Filter(even)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := p.Collect(t.Context(), numbers(200))
			assert.NoError(t, err)
			assert.Len(t, got, 100)
		})
	}
	wg.Wait()
}

func TestExecuteWantsExactlyOneItem(t *testing.T) {
	pair := func(_ context.Context, v int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(v, nil) && yield(v+1, nil) }
	}
	tests := []struct {
		name string
		p    *pipeline.Pipeline[int, int]
		in   int
		want int
		err  error
	}{
		{"one", pipeline.New[int]().Filter(even), 4, 4, nil},
		{"filtered out", pipeline.New[int]().Filter(even).Then(add(1)), 3, 0, pipeline.ErrNoResult},
		{"two", pipeline.FlatMap(pipeline.New[int](), pair), 3, 0, pipeline.ErrManyResults},
		{"two, one of them filtered out", pipeline.FlatMap(pipeline.New[int](), pair, pipeline.Workers(4)).Filter(even), 3, 4, nil},
		{"two, both filtered out", pipeline.FlatMap(pipeline.New[int](), pair).Filter(even).Then(add(1)).Filter(even), 3, 0, pipeline.ErrNoResult},
		{"skipped", pipeline.New[int]().Then(fails(1, errBoom), pipeline.OnError(skip)), 0, 0, pipeline.ErrNoResult},
		{"a skipped one and one", pipeline.FlatMap(pipeline.New[int](), pair).Then(fails(1, errBoom), pipeline.OnError(skip)), 3, 4, nil},
		{"none at all", pipeline.FlatMap(pipeline.New[int](), pair).Take(0), 3, 0, pipeline.ErrNoResult},
		{"the first of two", pipeline.FlatMap(pipeline.New[int](), pair).Take(1), 3, 3, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.p.Execute(t.Context(), tt.in)
			assert.Equal(t, tt.err, err)
			assert.Equal(t, tt.want, got)
		})
	}
	oneThenBoom := pipeline.FlatMap(pipeline.New[int](), func(_ context.Context, v int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(v, nil) && yield(0, errBoom) }
	})
	got, err := oneThenBoom.Execute(t.Context(), 7)
	require.ErrorIs(t, err, errBoom, "an error behind the one result")
	assert.Zero(t, got)
	batch, err := pipeline.Batch(pipeline.New[int](), 10, pipeline.Every(time.Hour)).Execute(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, []int{7}, batch)
}

func skip(*pipeline.StageError) pipeline.Action { return pipeline.Skip }

// fails fails n times, and then hands on.
func fails(n int64, err error) pipeline.Stage[int, int] {
	var calls atomic.Int64
	return func(_ context.Context, v int) (int, error) {
		if calls.Add(1) <= n {
			return -1, err
		}
		return v, nil
	}
}

func TestOnErrorDecides(t *testing.T) {
	odd := errors.New("odd")
	noOdd := func(_ context.Context, v int) (int, error) {
		if v%2 == 1 {
			return -1, odd
		}
		return v, nil
	}
	for _, workers := range []int{1, 3} {
		var mu sync.Mutex
		var asked []pipeline.StageError
		p := pipeline.New[int]().Filter(func(_ context.Context, v int) (bool, error) { return v != 2, nil }).
			Then(noOdd, pipeline.Name("no odd"), pipeline.Workers(workers), pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, *e)
				return pipeline.Skip
			}))
		got, err := p.Collect(t.Context(), numbers(6))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 4}, got)
		assert.ElementsMatch(t, []pipeline.StageError{
			{Stage: "no odd", Index: 1, Item: 1, Attempt: 1, Err: odd},
			{Stage: "no odd", Index: 2, Item: 3, Attempt: 1, Err: odd},
			{Stage: "no odd", Index: 4, Item: 5, Attempt: 1, Err: odd},
		}, asked)
	}
}

func TestRetryCallsTheStageAgain(t *testing.T) {
	for _, workers := range []int{1, 2} {
		var attempts []int
		again := func(e *pipeline.StageError) pipeline.Action {
			attempts = append(attempts, e.Attempt)
			if e.Attempt > 4 {
				return pipeline.Abort
			}
			return pipeline.Retry
		}
		got, err := pipeline.New[int]().Then(fails(3, errBoom), pipeline.Workers(workers), pipeline.OnError(again)).
			Collect(t.Context(), numbers(1))
		require.NoError(t, err)
		assert.Equal(t, []int{0}, got)
		assert.Equal(t, []int{1, 2, 3}, attempts)

		_, err = pipeline.New[int]().Then(fails(9, errBoom), pipeline.Workers(workers), pipeline.OnError(again)).
			Collect(t.Context(), numbers(1))
		var e *pipeline.StageError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 5, e.Attempt)
		assert.Equal(t, "pipeline: stage then 1, item 0: boom", err.Error())
	}
}

// A Retry for ever ends with the context, wherever the stage runs.
func TestRetryEndsWithTheContext(t *testing.T) {
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(2)}, {pipeline.Workers(2), pipeline.Unordered()}, {pipeline.Buffer(2)}} {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		again := pipeline.OnError(func(*pipeline.StageError) pipeline.Action {
			if calls == 3 {
				cancel()
			}
			return pipeline.Retry
		})
		got, err := pipeline.New[int]().Then(func(context.Context, int) (int, error) {
			calls++
			return 0, errBoom
		}, append(opts, again)...).Collect(ctx, numbers(1))
		require.Error(t, err)
		assert.True(t, errors.Is(err, errBoom) || errors.Is(err, context.Canceled))
		assert.Nil(t, got)
		assert.Equal(t, 3, calls)
		cancel()
	}
}

func TestOnErrorIsNotAskedAboutACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := pipeline.New[int]().Then(func(ctx context.Context, _ int) (int, error) {
		cancel()
		return 0, ctx.Err()
	}, pipeline.OnError(func(*pipeline.StageError) pipeline.Action { t.Error("asked"); return pipeline.Retry }))
	_, err := p.Collect(ctx, numbers(3))
	assert.Equal(t, context.Canceled, err)
}

func TestAnUnknownActionPanics(t *testing.T) {
	p := pipeline.New[int]().Then(fails(9, errBoom), pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return 77 }))
	assert.PanicsWithValue(t, "pipeline: OnError returned an unknown action: 77", func() { _, _ = p.Execute(t.Context(), 1) })
}

// T6: an error that happened is not replaced by the cancellation that follows.
func TestTheRootCauseIsNotReplacedByTheCancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := pipeline.New[int]().Then(func(context.Context, int) (int, error) {
		cancel()
		return 0, errBoom
	})
	_, err := p.Collect(ctx, numbers(3))
	assert.ErrorIs(t, err, errBoom)
}

func TestATimeoutIsOursOnlyIfItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return v, ctx.Err() }
		for _, workers := range []int{1, 2} {
			p := pipeline.New[int]().Then(wait, pipeline.Timeout(time.Second), pipeline.Workers(workers))
			begin := time.Now()
			_, err := p.Collect(t.Context(), numbers(1))
			assert.ErrorIs(t, err, pipeline.ErrTimeout)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Second, time.Since(begin))

			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err = p.Collect(ctx, numbers(1))
			assert.Equal(t, context.DeadlineExceeded, err)

			late := pipeline.New[int]().Then(func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return v, nil },
				pipeline.Timeout(time.Second), pipeline.Workers(workers))
			got, err := late.Collect(t.Context(), numbers(1))
			require.NoError(t, err, "a function that succeeds has succeeded")
			assert.Equal(t, []int{0}, got)
		}
	})
}

// layer is a policy made of a function.
type layer func(ctx context.Context, fn func(context.Context) error) error

func (l layer) Do(ctx context.Context, fn func(context.Context) error) error { return l(ctx, fn) }

func TestAGuardIsAroundEachCall(t *testing.T) {
	twice := layer(func(ctx context.Context, fn func(context.Context) error) error {
		if err := fn(ctx); err != nil {
			return fn(ctx)
		}
		return nil
	})
	for _, workers := range []int{1, 3} {
		got, err := pipeline.New[int]().Then(fails(1, errBoom), pipeline.Guard(twice), pipeline.Workers(workers)).Collect(t.Context(), numbers(4))
		require.NoError(t, err)
		assert.Equal(t, upTo(4), got)
	}
	keeps, err := pipeline.New[int]().Filter(even, pipeline.Guard(twice)).Collect(t.Context(), numbers(4))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 2}, keeps)
	nothing := layer(func(context.Context, func(context.Context) error) error { return nil })
	_, err = pipeline.New[int]().Then(add(1), pipeline.Guard(nothing)).Execute(t.Context(), 1)
	assert.ErrorIs(t, err, pipeline.ErrNotRun, "no zero poses as a result")
}

func TestATimeoutBoundsTheGuardToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := layer(func(ctx context.Context, _ func(context.Context) error) error { <-ctx.Done(); return ctx.Err() })
		_, err := pipeline.New[int]().Then(add(1), pipeline.Guard(full), pipeline.Timeout(time.Second)).Execute(t.Context(), 1)
		assert.ErrorIs(t, err, pipeline.ErrTimeout)
	})
}

func TestTapSeesWhatItHandsOn(t *testing.T) {
	var seen []int
	p := pipeline.New[int]().Tap(func(_ context.Context, v int) error { seen = append(seen, v); return nil })
	got, err := p.Collect(t.Context(), numbers(3))
	require.NoError(t, err)
	assert.Equal(t, got, seen)
	_, err = pipeline.New[int]().Tap(func(context.Context, int) error { return errBoom }).Collect(t.Context(), numbers(3))
	assert.ErrorIs(t, err, errBoom)
}

func TestAStreamIsLazyAndEachRangeIsARun(t *testing.T) {
	runs := 0
	src := func(yield func(int) bool) { runs++; _ = yield(1) && yield(2) }
	results := pipeline.New[int]().Then(add(1)).Stream(t.Context(), src)
	assert.Zero(t, runs)
	for want := 1; want <= 2; want++ {
		var got []int
		for v, err := range results {
			require.NoError(t, err)
			got = append(got, v)
		}
		assert.Equal(t, []int{2, 3}, got)
		assert.Equal(t, want, runs)
	}
}

func TestWorkersRunAtOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline.New[int]().Then(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(10-v) * time.Second) // the first takes longest
			return v, nil
		}, pipeline.Workers(10))
		begin := time.Now()
		got, err := p.Collect(t.Context(), numbers(10))
		require.NoError(t, err)
		assert.Equal(t, upTo(10), got)
		assert.Equal(t, 10*time.Second, time.Since(begin))
	})
}

// P07, and that Unordered is what it says.
func TestUnorderedHandsOnWhatIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline.New[int]().Then(func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(5-v) * time.Second)
			return v, nil
		}, pipeline.Workers(5), pipeline.Unordered())
		got, err := p.Collect(t.Context(), numbers(5))
		require.NoError(t, err)
		assert.Equal(t, []int{4, 3, 2, 1, 0}, got)
	})
}

func TestAReadyItemDoesNotWaitForTheSource(t *testing.T) {
	for _, s := range shapes() {
		synctest.Test(t, func(t *testing.T) {
			begin, n := time.Now(), 0
			src := func(yield func(int) bool) {
				for i := 0; i < 5 && yield(i); i++ {
					time.Sleep(time.Minute)
				}
			}
			for _, err := range (&probe{}).build(s).Stream(t.Context(), src) {
				require.NoError(t, err)
				assert.Equal(t, time.Duration(n)*time.Minute, time.Since(begin), s.name)
				n++
			}
			assert.Equal(t, 5, n)
		})
	}
}

func TestWindowAndBufferBoundWhatIsReadAhead(t *testing.T) {
	tests := []struct {
		name string
		opts []pipeline.Option
		want int
	}{
		{"fused", nil, 1},
		{"buffer", []pipeline.Option{pipeline.Buffer(5)}, 1 + 5 + 1},      // one in the loop's body, one that finds the queue full
		{"bigger buffer", []pipeline.Option{pipeline.Buffer(16)}, 16 + 1}, // gives room back in steps: the one in the body is still counted
		{"window", []pipeline.Option{pipeline.Workers(2), pipeline.Window(7)}, 1 + 7 + 1},
		{"workers and buffer", []pipeline.Option{pipeline.Workers(2), pipeline.Buffer(4)}, 1 + 6 + 1},
		{"default", []pipeline.Option{pipeline.Workers(2)}, 256 + 1}, // a big window is freed in steps
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			read := 0
			src := func(yield func(int) bool) {
				for {
					if read++; !yield(read) {
						return
					}
				}
			}
			for range pipeline.New[int]().Then(add(0), tt.opts...).Stream(t.Context(), src) {
				synctest.Wait()
				break
			}
			assert.Equal(t, tt.want, read, tt.name)
		})
	}
}

func TestABufferWorksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) (int, error) { time.Sleep(time.Second); return v, nil }
		begin := time.Now()
		got, err := pipeline.New[int]().Then(slow, pipeline.Buffer(1)).Then(slow, pipeline.Buffer(1)).Then(slow).Collect(t.Context(), numbers(10))
		require.NoError(t, err)
		assert.Equal(t, upTo(10), got)
		assert.Equal(t, 12*time.Second, time.Since(begin), "three stages overlap")
	})
}

func TestBadSettingsPanicWithTheFix(t *testing.T) {
	base := pipeline.New[int]()
	tests := []struct {
		want string
		do   func()
	}{
		{"pipeline: Workers must be between 1 and 1073741824, got 0", func() { pipeline.Workers(0) }},
		{"pipeline: Window must be between 1 and 1073741824, got -1", func() { pipeline.Window(-1) }},
		{"pipeline: Buffer must be between 1 and 1073741824, got 0", func() { pipeline.Buffer(0) }},
		{"pipeline: Timeout must be positive, got 0s", func() { pipeline.Timeout(0) }},
		{"pipeline: Every must be positive, got -1s", func() { pipeline.Every(-time.Second) }},
		{"pipeline: Name must not be empty; leave the option out for the default", func() { pipeline.Name("") }},
		{"pipeline: Guard needs a layer, got nil", func() { pipeline.Guard(nil) }},
		{"pipeline: OnError needs a function, got nil", func() { pipeline.OnError(nil) }},
		{"pipeline: Lift needs a function, got nil", func() { pipeline.Lift[int, int](nil) }},
		{"pipeline: Map needs a function, got nil", func() { pipeline.Map[int, int, int](base, nil) }},
		{"pipeline: Then needs a function, got nil", func() { base.Then(nil) }},
		{"pipeline: Tap needs a function, got nil", func() { base.Tap(nil) }},
		{"pipeline: Filter needs a function, got nil", func() { base.Filter(nil) }},
		{"pipeline: FlatMap needs a function, got nil", func() { pipeline.FlatMap[int, int, int](base, nil) }},
		{"pipeline: the size of a Batch must be between 1 and 1073741824, got 0", func() { pipeline.Batch(base, 0) }},
		{"pipeline: a batch stage does not take the option Workers", func() { pipeline.Batch(base, 1, pipeline.Workers(2)) }},
		{"pipeline: a then stage does not take the option Every", func() { base.Then(add(1), pipeline.Every(1)) }},
		{"pipeline: Window and Buffer of one stage exclude each other", func() { base.Then(add(1), pipeline.Window(1), pipeline.Buffer(1)) }},
		{"pipeline: ctx must not be nil; use context.Background()", func() {
			base.Stream(nil, numbers(1)) //nolint:staticcheck // what a mistaken caller passes
		}},
		{"pipeline: the source must not be nil; slices.Values(nil) is an empty one", func() { base.Stream(t.Context(), nil) }},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.want, tt.do)
	}
}

// Stages of one type in a row share a loop; each still has its own index.
func TestIndicesCountWhatComesToEachStageOfARow(t *testing.T) {
	var asked []string
	note := pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
		asked = append(asked, e.Error())
		return pipeline.Skip
	})
	failAt := func(n int) pipeline.Stage[int, int] {
		return func(_ context.Context, v int) (int, error) {
			if v == n {
				return 0, errBoom
			}
			return v, nil
		}
	}
	for _, first := range []*pipeline.Pipeline[int, int]{
		pipeline.New[int]().Filter(even),
		pipeline.New[int]().Then(failAt(1), pipeline.OnError(skip)).Then(failAt(3), pipeline.OnError(skip)).
			Then(failAt(5), pipeline.OnError(skip)).Then(failAt(7), pipeline.OnError(skip)),
	} {
		asked = nil
		p := first.Then(failAt(2), note, pipeline.Name("two")).Tap(func(context.Context, int) error { return nil }).Then(failAt(6), note, pipeline.Name("six"))
		got, err := p.Collect(t.Context(), numbers(9))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 4, 8}, got)
		assert.Equal(t, []string{"pipeline: stage two, item 1: boom", "pipeline: stage six, item 2: boom"}, asked)
	}
}
