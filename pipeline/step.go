package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/weirkit/weir/internal/stream"
)

// step is a stage that makes one item of one, or none.
type step[I, O any] struct {
	*config
	// plain is the function of a stage that keeps every item, else nil: then it
	// is keep.
	plain Stage[I, O]
	keep  func(ctx context.Context, in I) (O, bool, error)
	// pure is plain without what it does not need, or nil.
	pure func(in I) O
	// lanes, if not nil, gives the workers an order for each key.
	lanes func(*stream.Parallel[I, kept[O]])
}

// call calls the function of the step.
func (s *step[I, O]) call(ctx context.Context, in I) (O, bool, error) {
	if s.plain != nil {
		out, err := s.plain(ctx, in)
		return out, err == nil, err
	}
	return s.keep(ctx, in)
}

// Map adds a stage that makes an Out of each Mid. From Go 1.27 on there is a
// method of the same name.
func Map[In, Mid, Out any](p *Pipeline[In, Mid], f Stage[Mid, Out], opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: Map needs a function, got nil")
	}
	c := newConfig("map", opts, callOptions()...)
	return attach(p, &step[Mid, Out]{config: c, plain: guarded(c, f)})
}

// Then adds a stage that makes a new item of each.
func (p *Pipeline[In, Out]) Then(f Stage[Out, Out], opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: Then needs a function, got nil")
	}
	c := newConfig("then", opts, callOptions()...)
	return p.append(&step[Out, Out]{config: c, plain: guarded(c, f)})
}

// Apply adds a stage of a function that cannot fail: Then(Lift(f)) in fewer
// words, and in one call less for each item where only such stages are fused.
func (p *Pipeline[In, Out]) Apply(f func(Out) Out, opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: Apply needs a function, got nil")
	}
	c := newConfig("apply", opts, "Workers", "Unordered", "Buffer", "Window")
	return p.append(&step[Out, Out]{config: c, plain: Lift(f), pure: f})
}

// Tap adds a stage that looks at each item and hands it on.
func (p *Pipeline[In, Out]) Tap(f func(ctx context.Context, item Out) error, opts ...Option) *Pipeline[In, Out] {
	if f == nil {
		panic("pipeline: Tap needs a function, got nil")
	}
	c := newConfig("tap", opts, callOptions()...)
	return p.append(&step[Out, Out]{config: c, plain: guarded(c, func(ctx context.Context, in Out) (Out, error) {
		return in, f(ctx, in)
	})})
}

// Filter adds a stage that hands on the items for which keep returns true.
func (p *Pipeline[In, Out]) Filter(keep func(ctx context.Context, item Out) (bool, error), opts ...Option) *Pipeline[In, Out] {
	if keep == nil {
		panic("pipeline: Filter needs a function, got nil")
	}
	c := newConfig("filter", opts, callOptions()...)
	test := guarded(c, keep)
	return p.append(&step[Out, Out]{config: c, keep: func(ctx context.Context, in Out) (Out, bool, error) {
		ok, err := test(ctx, in)
		return in, ok, err
	}})
}

// callOptions are the options of a stage that calls a function once an item.
func callOptions() []string {
	return []string{"Workers", "Unordered", "Buffer", "Window", "Timeout", "Guard", "OnError", "DeadLetter"}
}

// attach appends a step to p.
func attach[In, I, O any](p *Pipeline[In, I], s *step[I, O]) *Pipeline[In, O] {
	n := len(p.stages)
	q := &Pipeline[In, O]{
		stages: append(slices.Clip(p.stages), s.config),
		flow: func(r *run, base int, src producer[In]) producer[O] {
			return counted(r, base+n, p.flow(r, base, src), func(up producer[I]) producer[O] { return s.flow(r, base+n, up) })
		},
	}
	if p.one != nil {
		q.one = func(ctx context.Context, base int, in In) (out O, ok bool, err error) {
			mid, ok, err := p.one(ctx, base, in)
			if !ok || err != nil {
				return out, false, err
			}
			if out, ok, err = s.call(ctx, mid); err != nil {
				return s.failed(ctx, nil, base+n, 0, mid, err)
			}
			return out, ok, nil
		}
	}
	return q
}

// flow builds the stage, as number at, behind up.
func (s *step[I, O]) flow(r *run, at int, up producer[I]) producer[O] {
	s = s.timed(r, at)
	switch {
	case s.parallel() && !r.inline:
		return s.spread(r, at, up)
	case s.plain != nil:
		up := s.fuse(r, at, up)
		return buffered(r, at, s.config, up)
	}
	return buffered(r, at, s.config, s.fuseKeep(r, at, up, new(bool)))
}

// fuse runs the stage in the loop of what comes before it. It and fuseKeep
// differ in nothing but the function they call: one call less an item is a
// third of what a stage costs.
func (s *step[I, O]) fuse(r *run, at int, up producer[I]) producer[O] {
	f := s.plain
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		index := int64(-1)
		err := up(ctx, func(in I) bool {
			index++
			out, err := f(ctx, in)
			if err != nil {
				var ok bool
				if out, ok, failed = s.failed(ctx, r, at, index, in, err); !ok {
					return failed == nil
				}
			}
			return yield(out)
		})
		if failed != nil {
			return failed
		}
		return err
	}
}

// fuseKeep ends the run of what comes before it when the function has set ended
// for an item that it drops.
func (s *step[I, O]) fuseKeep(r *run, at int, up producer[I], ended *bool) producer[O] {
	f := s.keep
	return func(ctx context.Context, yield func(O) bool) error {
		var failed error
		index := int64(-1)
		err := up(ctx, func(in I) bool {
			index++
			out, ok, err := f(ctx, in)
			if err != nil {
				out, ok, failed = s.failed(ctx, r, at, index, in, err)
			}
			if !ok {
				return failed == nil && !*ended
			}
			return yield(out)
		})
		if failed != nil {
			return failed
		}
		return err
	}
}

// kept is the result of an item in a stage with workers.
type kept[O any] struct {
	item O
	ok   bool // false: the item was dropped
}

// spread runs the stage on workers of its own.
func (s *step[I, O]) spread(r *run, at int, up producer[I]) producer[O] {
	settings, c := s.settings(), r.cross()
	up = fed(c, up)
	return func(ctx context.Context, yield func(O) bool) error {
		p := stream.NewParallel[I, kept[O]](settings)
		if s.lanes != nil {
			s.lanes(p)
		}
		r.register(at, p)
		return p.Run(ctx, up, func(ctx context.Context, index int64, in I) (kept[O], error) {
			out, ok, err := s.call(ctx, in)
			if err != nil {
				out, ok, err = s.failed(ctx, r, at, index, in, err)
			}
			if err == nil && !ok {
				c.forget(index) // now: the consumer may come to it much later
			}
			return kept[O]{out, ok}, err
		}, handOn(c, yield))
	}
}

// handOn yields the items that were kept.
func handOn[O any](c *carrier, yield func(O) bool) func(int64, kept[O]) bool {
	if c == nil {
		return func(_ int64, k kept[O]) bool { return !k.ok || yield(k.item) }
	}
	return func(index int64, k kept[O]) bool { return !k.ok || pass(c.to, c.take(index), k.item, yield) }
}

// settings is what the stage asks of the stream engine.
func (c *config) settings() stream.Config {
	window := c.window
	if c.buffer > 0 {
		window = min(c.workers+c.buffer, maxAsked)
	}
	return stream.Config{Workers: max(c.workers, 1), Window: window, Unordered: c.unordered, FaultErrors: true}
}

// failed asks OnError what the error of an item means, and repeats the call as
// often as it says Retry. With an error that it returns, the run ends.
func (s *step[I, O]) failed(ctx context.Context, r *run, at int, index int64, in I, err error) (out O, ok bool, _ error) {
	for attempt := 1; ; attempt++ {
		r.erred(at)
		action, e := s.decide(ctx, &StageError{Stage: s.label(at), Index: index, Item: in, Attempt: attempt, Err: err})
		switch action {
		case Skip:
			return out, false, nil
		case Abort:
			return out, false, e
		}
		made, ok, again := s.call(ctx, in)
		if again == nil {
			return made, ok, nil
		}
		err = again
	}
}

// decide returns what becomes of an item, Skip or Retry, or Abort and the error
// that the run ends with.
func (c *config) decide(ctx context.Context, e *StageError) (Action, error) {
	if ctx.Err() != nil && errors.Is(e.Err, ctx.Err()) {
		return Abort, e
	}
	action := Abort
	switch {
	case c.onError != nil:
		action = c.onError(e)
	case c.deadLetter != nil:
		action = ToDeadLetter
	}
	switch action {
	case Abort:
		return Abort, e
	case Skip:
		return Skip, nil
	case Retry:
		if ctx.Err() != nil {
			return Abort, e
		}
		return Retry, nil
	case ToDeadLetter:
		if c.deadLetter == nil {
			panic("pipeline: OnError returned ToDeadLetter at a stage without the option DeadLetter")
		}
		if err := c.deadLetter(ctx, e); err != nil {
			lost := *e
			lost.Err = errors.Join(e.Err, err)
			return Abort, &lost
		}
		return Skip, nil
	}
	panic(fmt.Sprintf("pipeline: OnError returned an unknown action: %d", action))
}
