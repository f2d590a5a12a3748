package pipeline

import (
	"context"
	"iter"
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
// fused. One with a buffer is the last of its chain.
func (p *Pipeline[In, Out]) append(s *step[Out, Out]) *Pipeline[In, Out] {
	q := attach(p, s)
	if s.parallel() {
		return q
	}
	c := &chain[In, Out]{before: p, steps: []*step[Out, Out]{s}}
	if p.chain != nil {
		c = &chain[In, Out]{before: p.chain.before, steps: append(slices.Clip(p.chain.steps), s)}
	}
	if s.buffer == 0 {
		q.chain = c
	}
	single, last := q.flow, len(p.stages)
	q.flow = func(r *run, base int, src producer[In]) producer[Out] {
		if r.stages != nil {
			return single(r, base, src) // each stage is counted
		}
		up := c.flow(r, base, src)
		return buffered(r, base+last, s.config, up)
	}
	return q
}

func (c *chain[In, T]) flow(r *run, base int, src producer[In]) producer[T] {
	up := c.before.flow(r, base, src)
	if fs := c.pure(); fs != nil {
		return func(ctx context.Context, yield func(T) bool) error { return up(ctx, applied(fs, yield)) }
	}
	return func(ctx context.Context, yield func(T) bool) error {
		w := c.begin(r, base)
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
							return w.drop(i)
						}
					}
					v = out
				}
				return yield(v)
			}
		}
		return w.outcome(up(ctx, visit))
	}
}

// into is flow for the loop over a Stream: the last function of the chain calls
// the loop's body, where [sink.next] would be one call more for each item. It looks
// at ctx where source and deliver do elsewhere.
func (c *chain[In, T]) into(src iter.Seq[In], s *sink[T]) producer[T] {
	r, first := &run{}, len(c.before.stages) == 0
	from := source(src)
	if first {
		from = unguarded(src)
	}
	up, fs, gs := c.before.flow(r, 0, from), c.pure(), c.plain()
	if fs == nil && gs == nil {
		return nil
	}
	return func(ctx context.Context, _ func(T) bool) error {
		late := ctx.Done() != nil
		early := late && first
		if fs != nil {
			return up(ctx, s.applied(ctx, fs, early, late))
		}
		w := c.begin(r, 0)
		return w.outcome(up(ctx, func(v T) bool {
			if early && ctx.Err() != nil {
				return false
			}
			w.index++
			for i, f := range gs {
				out, err := f(ctx, v)
				if err != nil {
					var ok bool
					if out, ok = w.fail(ctx, i, v, err); !ok {
						return w.drop(i)
					}
				}
				v = out
			}
			if late && ctx.Err() != nil {
				return false
			}
			return s.next(v)
		}))
	}
}

// applied calls all of fs on an item and then the body of the loop. It looks at
// ctx before the first and after the last of them.
func (s *sink[T]) applied(ctx context.Context, fs []func(T) T, early, late bool) func(T) bool {
	f, g, h, rest := unrolled(fs)
	return func(v T) bool {
		if early && ctx.Err() != nil {
			return false
		}
		v = f(v)
		if g != nil {
			v = g(v)
		}
		if h != nil {
			v = h(v)
		}
		for _, f := range rest {
			v = f(v)
		}
		if late && ctx.Err() != nil {
			return false
		}
		s.inside = true // here and not in next: it would be one call more an item
		if s.yield(v, nil) {
			s.inside = false
			return true
		}
		s.inside, s.left = false, true
		return false
	}
}

// unrolled takes fs apart: three calls by name cost less than a loop of three.
func unrolled[T any](fs []func(T) T) (f, g, h func(T) T, rest []func(T) T) {
	f = fs[0]
	if len(fs) > 1 {
		g = fs[1]
	}
	if len(fs) > 2 {
		h, rest = fs[2], fs[3:]
	}
	return f, g, h, rest
}

// applied calls all of fs, of which there is one at least, on an item.
func applied[T any](fs []func(T) T, yield func(T) bool) func(T) bool {
	f, g, h, rest := unrolled(fs)
	return func(v T) bool {
		v = f(v)
		if g != nil {
			v = g(v)
		}
		if h != nil {
			v = h(v)
		}
		for _, f := range rest {
			v = f(v)
		}
		return yield(v)
	}
}

// pure returns the functions of a chain none of which can fail, else nil.
func (c *chain[In, T]) pure() []func(T) T {
	fs := make([]func(T) T, len(c.steps))
	for i, s := range c.steps {
		if fs[i] = s.pure; s.pure == nil {
			return nil
		}
	}
	return fs
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

// begin makes a walk.
func (c *chain[In, T]) begin(r *run, base int) *walk[T] {
	return &walk[T]{chain: c.steps, r: r, first: base + len(c.before.stages), index: -1, dropped: make([]int64, len(c.steps))}
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

// drop notes an item that stage i of the chain dropped, and reports whether the
// run goes on.
func (w *walk[T]) drop(i int) bool {
	w.dropped[i]++
	return w.failed == nil
}

// outcome is the error that the run ends with, where what comes before it ended
// with err.
func (w *walk[T]) outcome(err error) error {
	if w.failed != nil {
		return w.failed
	}
	return err
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
