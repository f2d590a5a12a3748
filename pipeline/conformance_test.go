package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/pipeline"
)

var errBoom = errors.New("boom")

// shape is one way to run the same three stages.
type shape struct {
	name      string
	opts      [3][]pipeline.Option
	unordered bool
}

func shapes() []shape {
	w, b := pipeline.Workers, pipeline.Buffer
	o := func(opts ...pipeline.Option) []pipeline.Option { return opts }
	return []shape{
		{name: "fused"},
		{name: "parallel first", opts: [3][]pipeline.Option{o(w(3)), nil, nil}},
		{name: "parallel last", opts: [3][]pipeline.Option{nil, nil, o(w(3))}},
		{name: "all parallel", opts: [3][]pipeline.Option{o(w(2)), o(w(3)), o(w(2))}},
		{name: "small windows", opts: [3][]pipeline.Option{o(w(2), pipeline.Window(1)), nil, o(w(4), pipeline.Window(3))}},
		{name: "buffered", opts: [3][]pipeline.Option{o(b(1)), o(b(4)), o(b(64))}},
		{name: "mixed", opts: [3][]pipeline.Option{o(b(2)), o(w(4), b(2)), nil}},
		{name: "unordered", opts: [3][]pipeline.Option{nil, o(w(4), pipeline.Unordered()), nil}, unordered: true},
		{name: "all unordered", opts: [3][]pipeline.Option{
			o(w(2), pipeline.Unordered()), o(w(3), pipeline.Unordered()), o(w(2), pipeline.Unordered(), b(1)),
		}, unordered: true},
	}
}

// probe watches what runs and cuts at one place.
type probe struct {
	active, calls atomic.Int64
	reading       atomic.Bool // the source runs
	cut           func(ctx context.Context, place string, item int) error
}

func (p *probe) source(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		p.reading.Store(true)
		defer p.reading.Store(false)
		for i := range n {
			if p.cut != nil {
				_ = p.cut(context.Background(), "source", i)
			}
			if !yield(i) {
				return
			}
		}
	}
}

// build is three stages that add up to 111 an item.
func (p *probe) build(s shape) *pipeline.Pipeline[int, int] {
	stage := func(number, add int) pipeline.Stage[int, int] {
		place := fmt.Sprintf("stage %d", number)
		return func(ctx context.Context, v int) (int, error) {
			p.active.Add(1)
			defer p.active.Add(-1)
			p.calls.Add(1)
			if p.cut != nil {
				if err := p.cut(ctx, place, v%1000); err != nil {
					return -1, err
				}
			}
			return v + add, nil
		}
	}
	return pipeline.New[int]().
		Then(stage(1, 1000), s.opts[0]...).Then(stage(2, 10_000), s.opts[1]...).Then(stage(3, 100_000), s.opts[2]...)
}

// stopped asserts that nothing runs now.
func (p *probe) stopped(t *testing.T) {
	t.Helper()
	assert.Zero(t, p.active.Load(), "callbacks still run")
	assert.False(t, p.reading.Load(), "the source still runs")
}

// outcome is how a run ended, in the words of the test.
type outcome struct {
	items []int
	err   error
	end   testkit.End
}

// runners are the three ways to run many items.
var runners = []struct {
	name   string
	blocks bool // raises on its caller what a callback panicked
	run    func(ctx context.Context, p *pipeline.Pipeline[int, int], src iter.Seq[int], body func(int) bool) ([]int, error)
}{
	{"stream", false, func(ctx context.Context, p *pipeline.Pipeline[int, int], src iter.Seq[int], body func(int) bool) (items []int, last error) {
		return drain(p.Stream(ctx, src), body)
	}},
	{"start", false, func(ctx context.Context, p *pipeline.Pipeline[int, int], src iter.Seq[int], body func(int) bool) ([]int, error) {
		run := p.Start(ctx, src)
		defer func() { _ = run.Wait() }()
		return drain(run.Results(), body)
	}},
	{"collect", true, func(ctx context.Context, p *pipeline.Pipeline[int, int], src iter.Seq[int], _ func(int) bool) ([]int, error) {
		return p.Collect(ctx, src)
	}},
}

func drain(seq iter.Seq2[int, error], body func(int) bool) (items []int, last error) {
	ended := false
	for v, err := range seq {
		if ended {
			panic("an error must be the last that is yielded")
		}
		if err != nil {
			ended, last = true, err
			if v != 0 {
				panic("a value beside an error")
			}
			continue
		}
		items = append(items, v%1000)
		if !body(v % 1000) {
			break
		}
	}
	return items, last
}

// TestConformance injects each way to end at each item and each place, in each
// shape and each way to run, and asserts on return.
func TestConformance(t *testing.T) {
	const n = 6
	places := []string{"source", "stage 1", "stage 2", "stage 3", "body"}
	for _, how := range []string{"break", "cancel", "error", "panic", "goexit"} {
		for _, place := range places {
			if (how == "error" && (place == "source" || place == "body")) || (how == "break" && place != "body") {
				continue // there is no such thing
			}
			for _, s := range shapes() {
				for _, r := range runners {
					if r.blocks && place == "body" {
						continue // it has none
					}
					for k := range n {
						t.Run(fmt.Sprintf("%s/%s/%s/%s/%d", how, place, s.name, r.name, k), func(t *testing.T) {
							cutOnce(t, how, place, s, r.blocks, k, n, r.run)
						})
					}
				}
			}
		}
	}
}

func cutOnce(t *testing.T, how, place string, s shape, blocks bool, k, n int,
	run func(context.Context, *pipeline.Pipeline[int, int], iter.Seq[int], func(int) bool) ([]int, error),
) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := &probe{}
	p.cut = func(_ context.Context, at string, item int) error {
		if at != place || item != k {
			return nil
		}
		switch how {
		case "cancel":
			cancel()
		case "error":
			return errBoom
		case "panic":
			panic(errBoom)
		case "goexit":
			runtime.Goexit()
		}
		return nil
	}
	var o outcome
	o.end = testkit.Run(func() {
		defer p.stopped(t) // on return, not eventually
		o.items, o.err = run(ctx, p.build(s), p.source(n), func(item int) bool {
			_ = p.cut(ctx, "body", item)
			return how != "break" || item != k
		})
	})
	calls := p.calls.Load()
	checkEnd(t, how, place, s, blocks, k, o)
	runtime.Gosched()
	assert.Equal(t, calls, p.calls.Load(), "a callback began after the end")
}

func checkEnd(t *testing.T, how, place string, s shape, blocks bool, k int, o outcome) {
	want := upTo(k)
	switch how {
	case "break":
		assert.NoError(t, o.err)
		want = upTo(k + 1)
	case "cancel":
		assert.Equal(t, context.Canceled, o.err) // not a wrapped one
		want = nil                               // what came out before depends on how far ahead the stages were
	case "error":
		var e *pipeline.StageError
		require.ErrorAs(t, o.err, &e)
		assert.Equal(t, "then "+place[len("stage "):], e.Stage)
		assert.Equal(t, k, e.Item.(int)%1000)
		assert.ErrorIs(t, o.err, errBoom)
		if !s.unordered {
			assert.Equal(t, int64(k), e.Index)
		}
	case "panic":
		if place == "body" {
			assert.Equal(t, testkit.End{Panicked: true, Value: errBoom}, o.end, "it passes untouched")
			return
		}
		err := o.err
		if blocks {
			require.True(t, o.end.Panicked)
			err, _ = o.end.Value.(error)
		}
		var e *pipeline.PanicError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, errBoom, e.Value)
		assert.Contains(t, string(e.Stack), "cutOnce", "the stack is of where it happened")
	case "goexit":
		if blocks || place == "body" {
			assert.True(t, o.end.Exited)
		} else if o.end.Returned {
			assert.Equal(t, pipeline.ErrGoexit, o.err)
		} // else it was this goroutine that ran the callback
	}
	if blocks || o.end.Exited {
		assert.Nil(t, o.items, "on failure a result is absent")
		return
	}
	if how != "cancel" && !s.unordered {
		assert.Equal(t, want, o.items, "the outcome is that of a plain loop")
	}
}

func upTo(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestEveryShapeYieldsEveryItem(t *testing.T) {
	for _, s := range shapes() {
		for _, r := range runners {
			for _, n := range []int{0, 1, 3, 700} {
				p := &probe{}
				items, err := r.run(t.Context(), p.build(s), p.source(n), func(int) bool { return true })
				require.NoError(t, err)
				p.stopped(t)
				for i := range items {
					items[i] %= 1000
				}
				if s.unordered {
					slices.Sort(items)
				}
				assert.Equal(t, upTo(n), items, "%s, %s", s.name, r.name)
			}
		}
	}
}

func TestNothingRunsWhenTheContextIsDone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for _, s := range shapes() {
		for _, r := range runners {
			p := &probe{}
			items, err := r.run(ctx, p.build(s), p.source(5), func(int) bool { return true })
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, err, errBoom, "with its cause")
			assert.Empty(t, items)
			assert.Zero(t, p.calls.Load())
		}
		_, err := (&probe{}).build(s).Execute(ctx, 1)
		assert.ErrorIs(t, err, errBoom)
	}
}

func TestOneItemThroughEveryShape(t *testing.T) {
	for _, s := range shapes() {
		here := &probe{}
		v, err := here.build(s).Execute(t.Context(), 7)
		require.NoError(t, err)
		assert.Equal(t, 111_007, v)

		here.cut = func(_ context.Context, place string, _ int) error {
			if place == "stage 2" {
				return errBoom
			}
			return nil
		}
		v, err = here.build(s).Execute(t.Context(), 7)
		assert.Zero(t, v)
		assert.Equal(t, &pipeline.StageError{Stage: "then 2", Item: 1007, Attempt: 1, Err: errBoom}, err)

		here.cut = func(context.Context, string, int) error { panic("as it is") }
		assert.PanicsWithValue(t, "as it is", func() { _, _ = here.build(s).Execute(t.Context(), 7) })
		here.cut = func(context.Context, string, int) error { runtime.Goexit(); return nil }
		assert.True(t, testkit.Run(func() { _, _ = here.build(s).Execute(t.Context(), 7) }).Exited)
		here.stopped(t)
	}
}

func TestADeadlineIsReportedAsItIs(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, err := pipeline.New[int]().Collect(ctx, slices.Values([]int{1}))
	assert.Equal(t, context.DeadlineExceeded, err) // not a wrapped one
	assert.NotErrorIs(t, err, pipeline.ErrTimeout)
}
