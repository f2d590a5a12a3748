package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/pipeline"
)

// kinds are stages of every kind, each of which hands its items on in the end.
func kinds() map[string]func(p *pipeline.Pipeline[int, int]) *pipeline.Pipeline[int, int] {
	type pipe = *pipeline.Pipeline[int, int]
	w, u := pipeline.Workers(3), pipeline.Unordered()
	open := layer(func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) })
	newest := func(p *pipeline.Pipeline[int, []int]) pipe {
		return pipeline.Map(p, pipeline.Lift(func(v []int) int { return v[len(v)-1] }))
	}
	twice := repeat(func(int) int { return 2 })
	whole := func(v int) int { return v }
	return map[string]func(p pipe) pipe{
		"batch":         func(p pipe) pipe { return pipeline.Unbatch(pipeline.Batch(p, 3)) },
		"batch by time": func(p pipe) pipe { return pipeline.Unbatch(pipeline.Batch(p, 3, pipeline.Every(time.Millisecond))) },
		"buffered batch": func(p pipe) pipe {
			return pipeline.Unbatch(pipeline.Batch(p, 2, pipeline.Buffer(1)), pipeline.Buffer(2))
		},
		"slide":              func(p pipe) pipe { return newest(pipeline.Slide(p, 3, 1)) },
		"slide by time":      func(p pipe) pipe { return newest(pipeline.SlideTime(p, time.Millisecond, time.Millisecond, 4)) },
		"flatmap":            func(p pipe) pipe { return pipeline.FlatMap(p, twice) },
		"flatmap, workers":   func(p pipe) pipe { return pipeline.FlatMap(p, twice, w) },
		"flatmap, unordered": func(p pipe) pipe { return pipeline.FlatMap(p, twice, w, u) },
		"flatmap, guarded": func(p pipe) pipe {
			return pipeline.FlatMap(p, twice, w, pipeline.Guard(open), pipeline.Timeout(time.Hour))
		},
		"by key":            func(p pipe) pipe { return pipeline.MapByKey(p, func(v int) int { return v % 3 }, add(0), w) },
		"by key, unordered": func(p pipe) pipe { return pipeline.MapByKey(p, func(v int) int { return v % 3 }, add(0), w, u) },
		"throttle":          func(p pipe) pipe { return p.Throttle(open) },
		"distinct":          func(p pipe) pipe { return pipeline.Distinct(p, 9, whole, pipeline.Buffer(1)) },
		"scan": func(p pipe) pipe {
			return pipeline.Scan(p, 0, func(_ context.Context, _, v int) (int, error) { return v, nil })
		},
		"take":           func(p pipe) pipe { return p.Take(1000, pipeline.Buffer(1)) },
		"skip":           func(p pipe) pipe { return p.Skip(1) },
		"take while":     func(p pipe) pipe { return p.TakeWhile(func(context.Context, int) (bool, error) { return true, nil }) },
		"apply, workers": func(p pipe) pipe { return p.Apply(whole, w).Apply(whole, w, u).Apply(whole) },
		"joined": func(p pipe) pipe {
			return pipeline.Pipe3(p, pipeline.From(add(0), w), pipeline.New[int]().Tap(nothing, pipeline.Buffer(1)))
		},
		"merge of each": func(p pipe) pipe {
			return pipeline.Join(pipeline.Map(p, pipeline.Lift(pipeline.One[int])), pipeline.Merge[int](3))
		},
		"receive from each": func(p pipe) pipe {
			return pipeline.Join(pipeline.Map(p, pipeline.Lift(closedWith)), pipeline.Receive[int](w, u))
		},
		"lines of each": func(p pipe) pipe { return linesOf(p) },
		"several, by all": func(p pipe) pipe {
			return pipeline.Unbatch(pipeline.Batch(p.Apply(whole, w), 2, pipeline.Every(time.Millisecond), pipeline.Buffer(1))).Apply(whole, w, u)
		},
		"windows over each": func(p pipe) pipe {
			return newest(pipeline.Slide(pipeline.FlatMap(p, twice, w), 2, 1, pipeline.Buffer(3)))
		},
		"workers that change": func(p pipe) pipe { return p.Then(add(0), pipeline.Window(3)).Then(add(0), w, pipeline.Buffer(1)) },
	}
}

func nothing(context.Context, int) error { return nil }

func closedWith(v int) <-chan int {
	ch := make(chan int, 1)
	ch <- v
	close(ch)
	return ch
}

func linesOf(p *pipeline.Pipeline[int, int]) *pipeline.Pipeline[int, int] {
	readers := pipeline.Map(p, pipeline.Lift(func(v int) io.Reader { return strings.NewReader(strconv.Itoa(v)) }))
	lines := pipeline.Join(readers, pipeline.Lines(pipeline.Workers(2)))
	return pipeline.Map(lines, func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
}

// TestEveryKindOfStageStops cuts each kind of stage in each way before it, behind
// it and in the loop, at several items, and asserts on return that nothing runs.
func TestEveryKindOfStageStops(t *testing.T) {
	for name, kind := range kinds() {
		for _, how := range []string{"break", "cancel", "error", "panic", "goexit", "stop", "drain"} {
			for _, place := range []string{"before", "behind", "body"} {
				inLoop := how == "break" || how == "stop" || how == "drain"
				if inLoop && place != "body" || how == "error" && place == "body" {
					continue // there is no such thing
				}
				for _, k := range []int{1, 2, 7} {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", name, how, place, k), func(t *testing.T) {
						cutKind(t, kind, how, place, k, false)
						cutKind(t, kind, how, place, k, true)
					})
				}
			}
		}
	}
}

func cutKind(t *testing.T, kind func(*pipeline.Pipeline[int, int]) *pipeline.Pipeline[int, int], how, place string, k int, background bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := &probe{}
	var inputs, late atomic.Int64 // what came before the stage, and into the loop after its cancel
	act := func(at string, v int) error {
		if at == "before" {
			inputs.Add(1)
		}
		if at != place || v < k {
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
	tap := func(at string) func(context.Context, int) error {
		return func(_ context.Context, v int) error {
			p.active.Add(1)
			defer p.active.Add(-1)
			p.calls.Add(1)
			return act(at, v)
		}
	}
	def := kind(pipeline.New[int]().Tap(tap("before"))).Tap(tap("behind"))
	var last error
	end := testkit.Run(func() {
		defer p.stopped(t)
		var run *pipeline.Run[int]
		var results iter.Seq2[int, error]
		if results = def.Stream(ctx, p.source(40)); background {
			run = def.Start(ctx, p.source(40), pipeline.Checkpoints(0))
			defer func() { assert.LessOrEqual(t, run.Checkpoint(), int64(40)) }()
			results = run.Results()
		}
		for v, err := range results {
			if last = err; err != nil {
				continue
			}
			if ctx.Err() != nil {
				late.Add(1)
			}
			_ = act("body", v)
			if place != "body" || v < k {
				continue
			}
			if how == "break" {
				break
			}
			if background && how == "stop" {
				run.Stop()
			}
			if background && how == "drain" {
				run.Drain()
			}
		}
	})
	calls := p.calls.Load()
	runtime.Gosched()
	assert.Equal(t, calls, p.calls.Load(), "a callback began after the end")
	switch {
	case how == "error":
		assert.ErrorIs(t, last, errBoom)
	case how == "panic" && place != "body":
		var e *pipeline.PanicError
		require.ErrorAs(t, last, &e)
	case how == "panic":
		assert.Equal(t, errBoom, end.Value)
	case how == "cancel" && place == "body" && last == nil: // a stage by time may have had no more to give
		assert.Equal(t, []int64{40, 0}, []int64{inputs.Load(), late.Load()}, "inputs, and results after the cancel")
	case how == "cancel":
		assert.Equal(t, context.Canceled, last)
	case how != "goexit":
		assert.NoError(t, last)
	}
}

// A dead letter that fails or panics ends the run, whatever runs it.
func TestADeadLetterThatFails(t *testing.T) {
	bad := func(_ context.Context, v int) (int, error) {
		if v == 3 {
			return 0, errBoom
		}
		return v, nil
	}
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(3)}, {pipeline.Workers(3), pipeline.Unordered()}, {pipeline.Buffer(1)}} {
		for _, action := range [][]pipeline.Option{nil, {pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return pipeline.ToDeadLetter })}} {
			all := append(append([]pipeline.Option{}, opts...), action...)
			full := fmt.Errorf("full")
			_, err := pipeline.New[int]().Then(bad, append(all, pipeline.DeadLetter(func(context.Context, *pipeline.StageError) error { return full }))...).
				Collect(t.Context(), numbers(20))
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, full)
			run := pipeline.New[int]().Then(bad, append(all, pipeline.DeadLetter(func(context.Context, *pipeline.StageError) error { panic(full) }))...).
				Start(t.Context(), numbers(20))
			var p *pipeline.PanicError
			require.ErrorAs(t, run.Wait(), &p)
			assert.Equal(t, full, p.Value)
		}
	}
}

func TestNilsPanicWithTheFix(t *testing.T) {
	base := pipeline.New[int]()
	assert.PanicsWithValue(t, "pipeline: an option of a then stage must not be nil; leave it out", func() { base.Then(add(1), nil) })
	assert.PanicsWithValue(t, "pipeline: an option of Start must not be nil; leave it out", func() { base.Start(t.Context(), numbers(1), nil) })
	assert.PanicsWithValue(t, "pipeline: Join needs two pipelines, got nil; New is one without stages", func() { pipeline.Join(base, (*pipeline.Pipeline[int, int])(nil)) })
}
