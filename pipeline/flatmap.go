package pipeline

import (
	"context"
	"iter"
	"slices"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// FlatMap adds a stage that makes any number of items of each. Results are in
// the order of the input, and of one input in the order in which f yields them.
//
// f is called for its sequence, which is ranged over at once; nil is an empty
// one. An error that it yields is an error of the item: with OnError, Skip drops
// what came with it and goes on, Abort ends the run, and Retry calls f again if
// nothing of the item has been handed on yet and is Abort otherwise. With
// Workers, a long sequence does not wait for its end: a bounded number of its
// items is made ahead.
//
// There is no Guard and no Timeout here: they would hold while later stages work
// on the items. Put them around the calls inside f.
func FlatMap[In, Mid, Out any](p *Pipeline[In, Mid], f func(ctx context.Context, item Mid) iter.Seq2[Out, error], opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: FlatMap needs a function, got nil")
	}
	m := &many[Mid, Out]{config: newConfig("flatmap", opts, "Workers", "Unordered", "Buffer", "Window", "OnError"), f: f}
	return extend(p, m.config, m.flow)
}

// extend appends a stage that is not one to one.
func extend[In, I, O any](p *Pipeline[In, I], c *config, flow func(r *run, at int, up producer[I]) producer[O]) *Pipeline[In, O] {
	n := len(p.stages)
	return &Pipeline[In, O]{
		stages: append(slices.Clip(p.stages), c),
		flow: func(r *run, base int, src producer[In]) producer[O] {
			return counted(r, base+n, p.flow(r, base, src), func(up producer[I]) producer[O] { return flow(r, base+n, up) })
		},
	}
}

// many is a FlatMap stage.
type many[I, O any] struct {
	*config
	f func(ctx context.Context, item I) iter.Seq2[O, error]
}

func (m *many[I, O]) flow(r *run, at int, up producer[I]) producer[O] {
	if m.parallel() && !r.inline {
		return m.spread(r, at, up)
	}
	return buffered(r, m.config, m.fuse(r, at, up))
}

// expand yields what f makes of one item. It reports false if yield did, and
// returns the error that ends the run.
func (m *many[I, O]) expand(ctx context.Context, r *run, at int, index int64, in I, yield func(O) bool) (bool, error) {
	emitted := false
	for attempt := 1; ; attempt++ {
		again := false
		seq := m.f(ctx, in)
		if seq == nil {
			return true, nil
		}
		for out, err := range seq {
			if err == nil {
				emitted = true
				if !yield(out) {
					return false, nil
				}
				continue
			}
			r.erred(at)
			action, e := m.decide(ctx, &StageError{Stage: m.label(at), Index: index, Item: in, Attempt: attempt, Err: err})
			switch {
			case action == Retry && !emitted:
				again = true
			case action == Retry:
				return false, &StageError{Stage: m.label(at), Index: index, Item: in, Attempt: attempt, Err: err}
			case action == Abort:
				return false, e
			}
			if again {
				break
			}
		}
		if !again {
			return true, nil
		}
	}
}

// fuse runs the stage in the loop of what comes before it.
func (m *many[I, O]) fuse(r *run, at int, up producer[I]) producer[O] {
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		index := int64(-1)
		// Asked between the items of one sequence too: it may be an endless one.
		live := func(out O) bool { return ctx.Err() == nil && yield(out) }
		err := up(ctx, func(in I) bool {
			index++
			var more bool
			more, failed = m.expand(ctx, r, at, index, in, live)
			return more
		})
		if failed != nil {
			return failed
		}
		return err
	}
}

// burstSize is how many items of one sequence are made before its consumer need
// take any, twice.
const burstSize = 64

// burst is what a worker makes of one item. The first items are complete when it
// is handed over; what is more comes through rest, then err counts.
type burst[O any] struct {
	first []O
	rest  *stream.Ring[O]
	err   error // with rest, written before that is closed
}

// spread runs the stage on workers of its own.
func (m *many[I, O]) spread(r *run, at int, up producer[I]) producer[O] {
	settings := m.settings()
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		p := stream.NewParallel[I, *burst[O]](settings)
		err := p.RunEarly(ctx, up,
			func(ctx context.Context, index int64, in I, publish func(*burst[O])) (*burst[O], error) {
				b := &burst[O]{}
				return b, m.fill(ctx, r, at, index, in, b, publish)
			},
			func(_ int64, b *burst[O]) bool {
				var more bool
				more, failed = b.yield(ctx, yield)
				return more
			})
		if failed != nil {
			return failed
		}
		return err
	}
}

// fill makes a burst, and publishes it when it is a long one.
func (m *many[I, O]) fill(ctx context.Context, r *run, at int, index int64, in I, b *burst[O], publish func(*burst[O])) (err error) {
	visit := func(out O) bool {
		if b.rest != nil {
			return b.rest.PushUntil(out, ctx.Done())
		}
		if b.first = append(b.first, out); len(b.first) == burstSize {
			b.rest = stream.NewRing[O](burstSize)
			publish(b)
		}
		return ctx.Err() == nil
	}
	fault.Catch(func() { _, err = m.expand(ctx, r, at, index, in, visit) }, func(f *fault.Fault) {
		if f != nil {
			err = f.Err()
		}
		switch {
		case b.rest != nil:
			b.err = err
			b.rest.Close()
		case err != nil && len(b.first) > 0: // what came before the error is handed on before it
			b.err = err
			publish(b)
		default:
			f.Raise()
		}
	})
	return err
}

// yield hands a burst on. It reports false if yield did, and returns the error
// that ends the run.
func (b *burst[O]) yield(ctx context.Context, yield func(O) bool) (bool, error) {
	for _, v := range b.first {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !yield(v) {
			return false, nil
		}
	}
	if b.rest == nil {
		return b.err == nil, b.err
	}
	for {
		v, ok := b.rest.NextUntil(ctx.Done(), nil)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case !ok:
			return b.err == nil, b.err
		case !yield(v):
			return false, nil
		}
	}
}
