package pipeline

import (
	"context"
	"slices"
)

// chain is a row of fused stages that all keep the type. They are called one
// after the other from one loop: a stage then costs the call of its function and
// nothing else, where a closure for each would cost another call.
type chain[In, T any] struct {
	before *Pipeline[In, T] // what comes before the first of them
	steps  []*step[T, T]
}

// append adds a stage of one type to p, as one more of a chain if it can be
// fused.
func (p *Pipeline[In, Out]) append(s *step[Out, Out]) *Pipeline[In, Out] {
	q := attach(p, s)
	if s.parallel() || s.buffer > 0 {
		return q
	}
	if p.chain == nil {
		q.chain = &chain[In, Out]{before: p, steps: []*step[Out, Out]{s}}
		return q
	}
	c := &chain[In, Out]{before: p.chain.before, steps: append(slices.Clip(p.chain.steps), s)}
	q.chain = c
	single := q.flow
	q.flow = func(r *run, base int, src producer[In]) producer[Out] {
		if r.stages != nil {
			return single(r, base, src) // each stage is counted
		}
		return c.flow(r, base, src)
	}
	return q
}

func (c *chain[In, T]) flow(r *run, base int, src producer[In]) producer[T] {
	up := c.before.flow(r, base, src)
	first := base + len(c.before.stages)
	return func(ctx context.Context, yield func(T) bool) error {
		w := &walk[T]{chain: c.steps, r: r, first: first, index: -1, dropped: make([]int64, len(c.steps))}
		visit := func(v T) bool {
			if out, ok := w.through(ctx, v); ok {
				return yield(out)
			}
			return w.failed == nil
		}
		if fs := c.plain(); fs != nil {
			visit = func(v T) bool {
				w.index++
				for i, f := range fs {
					out, err := f(ctx, v)
					if err != nil {
						var ok bool
						if out, ok = w.fail(ctx, i, v, err); !ok {
							w.dropped[i]++
							return w.failed == nil
						}
					}
					v = out
				}
				return yield(v)
			}
		}
		err := up(ctx, visit)
		if w.failed != nil {
			return w.failed
		}
		return err
	}
}

// plain returns the functions of a chain whose stages keep every item, else nil.
func (c *chain[In, T]) plain() []Stage[T, T] {
	fs := make([]Stage[T, T], len(c.steps))
	for i, s := range c.steps {
		if fs[i] = s.plain; s.plain == nil {
			return nil
		}
	}
	return fs
}

// walk is a chain in one run.
type walk[T any] struct {
	chain   []*step[T, T]
	r       *run
	first   int     // the number of the first stage
	index   int64   // how many items have come to it, less one
	dropped []int64 // by each stage
	failed  error   // ends the run
}

// through takes an item through the chain, and reports whether it came out.
func (w *walk[T]) through(ctx context.Context, v T) (T, bool) {
	w.index++
	for i, s := range w.chain {
		out, ok, err := s.call(ctx, v)
		if err != nil {
			out, ok = w.fail(ctx, i, v, err)
		}
		if !ok {
			w.dropped[i]++
			return v, false
		}
		v = out
	}
	return v, true
}

// fail asks what becomes of an item that failed at stage i of the chain.
func (w *walk[T]) fail(ctx context.Context, i int, v T, err error) (out T, ok bool) {
	index := w.index
	for _, n := range w.dropped[:i] {
		index -= n
	}
	out, ok, w.failed = w.chain[i].failed(ctx, w.r, w.first+i, index, v, err)
	return out, ok
}
