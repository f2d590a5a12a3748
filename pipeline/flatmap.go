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
// With [Guard] or [Timeout], what f yields for an item is gathered until the
// sequence has ended, inside of them, and only then handed on: they do not hold
// while later stages work, and an attempt that fails leaves nothing behind. Then
// the first error that f yields is that of the whole item, and one with more than
// 65536 results fails with [ErrTooMany]. For longer sequences, put a guard around
// the calls inside f.
func FlatMap[In, Mid, Out any](p *Pipeline[In, Mid], f func(ctx context.Context, item Mid) iter.Seq2[Out, error], opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: FlatMap needs a function, got nil")
	}
	return flatMap("flatmap", p, func(ctx context.Context, _ *run, item Mid) iter.Seq2[Out, error] { return f(ctx, item) }, opts, "Guard", "Timeout")
}

func flatMap[In, Mid, Out any](kind string, p *Pipeline[In, Mid], f func(ctx context.Context, r *run, item Mid) iter.Seq2[Out, error], opts []Option, also ...string) *Pipeline[In, Out] {
	takes := append([]string{"Workers", "Unordered", "Buffer", "Window", "OnError", "DeadLetter"}, also...)
	c := newConfig(kind, opts, takes...)
	m := &many[Mid, Out]{config: c, f: f}
	if c.guard != nil || c.timeout > 0 {
		m.whole = guarded(c, m.gather)
	}
	return extend(p, c, m.flow)
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
	f func(ctx context.Context, r *run, item I) iter.Seq2[O, error]
	// whole makes all of one item at once, in a stage with a Guard or Timeout.
	whole Stage[I, []O]
}

// maxGathered is how many results of one item are gathered.
const maxGathered = 1 << 16

// gather returns all that f makes of an item.
func (m *many[I, O]) gather(ctx context.Context, in I) (all []O, err error) {
	seq := m.f(ctx, nil, in)
	if seq == nil {
		return nil, nil
	}
	for out, err := range seq {
		switch {
		case err != nil:
			return nil, err
		case len(all) == maxGathered:
			return nil, ErrTooMany
		}
		all = append(all, out)
	}
	return all, nil
}

// expandWhole is expand for a stage with a Guard or Timeout.
func (m *many[I, O]) expandWhole(ctx context.Context, r *run, at int, index int64, in I, yield func(O) bool) (bool, error) {
	for attempt := 1; ; attempt++ {
		all, err := m.whole(ctx, in)
		if err == nil {
			for _, out := range all {
				if !yield(out) {
					return false, nil
				}
			}
			return true, nil
		}
		r.erred(at)
		action, e := m.decide(ctx, &StageError{Stage: m.label(at), Index: index, Item: in, Attempt: attempt, Err: err})
		switch action {
		case Skip:
			return true, nil
		case Abort:
			return false, e
		}
	}
}

func (m *many[I, O]) flow(r *run, at int, up producer[I]) producer[O] {
	switch {
	case r.inline || !m.parallel():
	case m.unordered:
		return m.mix(r, at, up)
	default:
		return m.spread(r, at, up)
	}
	return buffered(r, at, m.config, m.fuse(r, at, up))
}

// expand yields what f makes of one item. It reports false if yield did, and
// returns the error that ends the run.
func (m *many[I, O]) expand(ctx context.Context, r *run, at int, index int64, in I, yield func(O) bool) (bool, error) {
	if m.whole != nil {
		return m.expandWhole(ctx, r, at, index, in, yield)
	}
	emitted := false
	for attempt := 1; ; attempt++ {
		again := false
		seq := m.f(ctx, r, in)
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
	l := r.loop
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		index := int64(-1)
		// Asked between the items of one sequence too: it may be an endless one.
		live := func(out O) bool { return ctx.Err() == nil && yield(out) }
		err := up(ctx, func(in I) bool {
			index++
			var more bool
			if more, failed = m.expand(ctx, r, at, index, in, live); !more {
				l.unfinish() // there may be more of the sequence
			}
			return more
		})
		if failed != nil {
			return failed
		}
		return err
	}
}

// spread runs the stage on workers of its own.
func (m *many[I, O]) spread(r *run, at int, up producer[I]) producer[O] {
	settings, c := m.settings(), r.cross()
	up = fed(c, up)
	_, l := c.loops()
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		all := func(b *burst[O]) (more bool) {
			if more, failed = b.yield(ctx, yield); !more {
				l.unfinish()
			}
			return more
		}
		p := stream.NewParallel[I, *burst[O]](settings)
		r.register(at, p)
		err := p.RunEarly(ctx, up,
			func(ctx context.Context, index int64, in I, publish func(*burst[O])) (b *burst[O], err error) {
				b = &burst[O]{}
				publish(b) // whoever reads it waits for items, not for the end
				fault.Catch(func() {
					_, err = m.expand(ctx, r, at, index, in, func(out O) bool { return b.put(ctx, out) })
				}, func(f *fault.Fault) {
					if f != nil {
						err = f.Err()
					}
					b.end(err)
				})
				return b, err
			},
			func(index int64, b *burst[O]) bool { return pass(l, c.take(index), b, all) })
		if failed != nil {
			return failed
		}
		return err
	}
}
