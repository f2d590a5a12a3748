package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// flow is what the model knows of a stream: the items until its end, and the
// error that it ends with.
type flow struct {
	items []int
	err   error
}

// dice deals numbers from a fuzzer's bytes, and zeros when they are used up.
type dice struct{ bytes []byte }

func (d *dice) roll(n int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	return b % n
}

// options deals a way to run a stage, without a change of order.
func (d *dice) options() (opts []pipeline.Option) {
	switch d.roll(4) {
	case 1:
		opts = append(opts, pipeline.Workers(1+d.roll(5)))
	case 2:
		opts = append(opts, pipeline.Workers(1+d.roll(5)), pipeline.Window(1+d.roll(6)))
	case 3:
		opts = append(opts, pipeline.Buffer(1+d.roll(4)))
	}
	return opts
}

// each applies a function that may drop or fail to each item, as a loop does.
func (f flow) each(what func(v int, emit func(int)) error, onError pipeline.Action) flow {
	var out []int
	for _, v := range f.items {
		if err := what(v, func(v int) { out = append(out, v) }); err != nil && onError == pipeline.Abort {
			return flow{out, err}
		}
	}
	return flow{out, f.err}
}

// stage deals a stage: what it does to a pipeline, and to the model.
func (d *dice) stage(p *pipeline.Pipeline[int, int], f flow) (*pipeline.Pipeline[int, int], flow) {
	k := d.roll(7)
	switch d.roll(12) {
	case 0:
		return p.Then(jitter(add(k)), d.options()...), f.each(func(v int, emit func(int)) error { emit(v + k); return nil }, pipeline.Abort)
	case 1:
		keep := func(_ context.Context, v int) (bool, error) { return v%(k+1) != 0, nil }
		return p.Filter(keep, d.options()...), f.each(func(v int, emit func(int)) error {
			if v%(k+1) != 0 {
				emit(v)
			}
			return nil
		}, pipeline.Abort)
	case 2:
		return pipeline.FlatMap(p, repeat(func(v int) int { return v % (k + 1) }), d.options()...), f.each(func(v int, emit func(int)) error {
			for range v % (k + 1) {
				emit(v)
			}
			return nil
		}, pipeline.Abort)
	case 3:
		n := k * 5
		if len(f.items) >= n {
			f = flow{f.items[:n], nil} // the error behind them is never met
		}
		return p.Take(n), f
	case 4:
		return p.Skip(k), flow{f.items[min(k, len(f.items)):], f.err}
	case 5:
		limit := 20 + k*10
		if i := slices.IndexFunc(f.items, func(v int) bool { return v > limit }); i >= 0 {
			f = flow{f.items[:i], nil}
		}
		return p.TakeWhile(func(_ context.Context, v int) (bool, error) { return v <= limit, nil }), f
	case 6:
		sum := 0
		return pipeline.Scan(p, 0, func(_ context.Context, s, v int) (int, error) { return (s + v) % 1000, nil }),
			f.each(func(v int, emit func(int)) error { sum = (sum + v) % 1000; emit(sum); return nil }, pipeline.Abort)
	case 7:
		var opts []pipeline.Option
		if k%2 == 1 {
			opts = append(opts, pipeline.Every(time.Hour))
		}
		return pipeline.Unbatch(pipeline.Batch(p, k+1, opts...)), f
	case 8:
		return p.Tap(func(context.Context, int) error { return nil }, d.options()...), f
	case 9:
		return d.keyed(p, f, k)
	case 10:
		opts := d.options()
		return p.Apply(func(v int) int { return v + k }, opts...), f.each(func(v int, emit func(int)) error { emit(v + k); return nil }, pipeline.Abort)
	}
	return d.failing(p, f, k)
}

func (d *dice) keyed(p *pipeline.Pipeline[int, int], f flow, k int) (*pipeline.Pipeline[int, int], flow) {
	return pipeline.MapByKey(p, func(v int) int { return v % (k + 1) }, jitter(add(1)), d.options()...),
		f.each(func(v int, emit func(int)) error { emit(v + 1); return nil }, pipeline.Abort)
}

// failing is a stage that fails for some items and aborts or skips them.
func (d *dice) failing(p *pipeline.Pipeline[int, int], f flow, k int) (*pipeline.Pipeline[int, int], flow) {
	action := pipeline.Action(d.roll(2))
	opts := append(d.options(), pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return action }))
	bad := func(v int) error {
		if v%13 == k {
			return fmt.Errorf("item %d: %w", v, errBoom)
		}
		return nil
	}
	return p.Then(jitter(func(_ context.Context, v int) (int, error) { return v, bad(v) }), opts...),
		f.each(func(v int, emit func(int)) error {
			err := bad(v)
			if err == nil {
				emit(v)
			}
			return err
		}, action)
}

// jitter lets other goroutines run now and then.
func jitter(f pipeline.Stage[int, int]) pipeline.Stage[int, int] {
	return func(ctx context.Context, v int) (int, error) {
		if rand.IntN(10) == 0 {
			runtime.Gosched()
		}
		return f(ctx, v)
	}
}

// FuzzPipelineAgainstALoop builds a random pipeline and compares what comes out,
// up to a break, with what plain loops make of the same input.
func FuzzPipelineAgainstALoop(f *testing.F) {
	f.Add(uint16(50), uint16(1000), []byte{0, 0, 0})
	f.Add(uint16(300), uint16(7), []byte{3, 0, 1, 4, 2, 1, 2, 2, 2, 2, 5})
	f.Add(uint16(300), uint16(1000), []byte{1, 10, 1, 3, 0, 2, 2, 2, 3, 3, 3, 7, 1})
	f.Add(uint16(999), uint16(400), []byte{6, 7, 5, 9, 2, 3, 1, 4, 6, 8, 3, 1, 4, 10, 2, 1, 0})
	seeds := rand.New(rand.NewPCG(1, 2)) // so that plain tests try some too, and the same ones
	for range 150 {
		b := make([]byte, 4+seeds.IntN(40))
		for i := range b {
			b[i] = byte(seeds.IntN(256))
		}
		f.Add(uint16(seeds.IntN(400)), uint16(seeds.IntN(300)), b)
	}
	f.Fuzz(func(t *testing.T, n, breakAt uint16, bytes []byte) {
		d := &dice{bytes[:min(len(bytes), 60)]}
		p, want := pipeline.New[int](), flow{items: upTo(int(n % 1000))}
		for len(d.bytes) > 0 && len(want.items) < 20_000 {
			p, want = d.stage(p, want)
		}
		if int(breakAt) < len(want.items) {
			want = flow{want.items[:breakAt+1], nil}
		}
		for name, results := range map[string]iter.Seq2[int, error]{
			"stream": p.Stream(t.Context(), numbers(int(n%1000))),
			"start":  p.Start(t.Context(), numbers(int(n%1000))).Results(),
		} {
			var got flow
			for v, err := range results {
				if err != nil {
					got.err = err
					break
				}
				got.items = append(got.items, v)
				if len(got.items) > int(breakAt) {
					break
				}
			}
			require.Equal(t, append([]int{}, want.items...), append([]int{}, got.items...), "%s of %s", name, p)
			if want.err == nil {
				require.NoError(t, got.err, "%s of %s", name, p)
				continue
			}
			var e *pipeline.StageError
			require.ErrorAs(t, got.err, &e)
			require.Equal(t, want.err.Error(), errors.Unwrap(e).Error(), "%s of %s", name, p)
		}
	})
}
