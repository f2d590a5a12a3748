package pipeline

import (
	"context"
	"fmt"
)

// stateful appends a stage with one worker whose function has a state of its own
// for each run.
func stateful[In, I, O any](p *Pipeline[In, I], c *config, begin func() func(ctx context.Context, in I) (O, bool, error)) *Pipeline[In, O] {
	return extend(p, c, func(r *run, at int, up producer[I]) producer[O] {
		s := &step[I, O]{config: c, keep: begin()}
		return s.flow(r, at, up)
	})
}

// Scan adds a stage that keeps a running state: for each item it hands on what f
// makes of the state before it, at first zero, and the item. An item whose f
// fails changes nothing. Each run begins with zero itself: if that is a pointer
// or a map, runs share it.
func Scan[In, Out, State any](p *Pipeline[In, Out], zero State, f func(ctx context.Context, state State, item Out) (State, error), opts ...Option) *Pipeline[In, State] {
	if f == nil {
		panic("pipeline: Scan needs a function, got nil")
	}
	c := newConfig("scan", opts, "Buffer", "OnError", "DeadLetter")
	return stateful(p, c, func() func(context.Context, Out) (State, bool, error) {
		state := zero
		return func(ctx context.Context, item Out) (State, bool, error) {
			next, err := f(ctx, state, item)
			if err == nil {
				state = next
			}
			return next, err == nil, err
		}
	})
}

// Distinct adds a stage that drops an item whose key is among the last n
// different keys that were handed on. What is older is forgotten, so that
// memory stays bounded: choose n as large as the distance of repetitions. A key that
// does not equal itself, as a NaN, is neither dropped nor remembered.
func Distinct[In, Out any, Key comparable](p *Pipeline[In, Out], n int, key func(Out) Key, opts ...Option) *Pipeline[In, Out] {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: Distinct must remember between 1 and %d keys, got %d", maxAsked, n))
	}
	if key == nil {
		panic("pipeline: Distinct needs a function, got nil")
	}
	c := newConfig("distinct", opts, "Buffer")
	return stateful(p, c, func() func(context.Context, Out) (Out, bool, error) {
		seen := map[Key]struct{}{}
		var order []Key // a ring once it has n keys
		oldest := 0
		return func(_ context.Context, item Out) (Out, bool, error) {
			k := key(item)
			if k != k {
				return item, true, nil // a NaN: no map could forget it again
			}
			if _, again := seen[k]; again {
				return item, false, nil
			}
			seen[k] = struct{}{}
			if len(order) < n {
				order = append(order, k)
				return item, true, nil
			}
			delete(seen, order[oldest])
			order[oldest] = k
			oldest = (oldest + 1) % n
			return item, true, nil
		}
	})
}

// Unbatch adds a stage that hands on the elements of each slice one by one. It
// undoes [Batch].
func Unbatch[In, Out any](p *Pipeline[In, []Out], opts ...Option) *Pipeline[In, Out] {
	c := newConfig("unbatch", opts, "Buffer")
	return extend(p, c, func(r *run, at int, up producer[[]Out]) producer[Out] {
		l := r.loop
		return buffered(r, at, c, func(ctx context.Context, yield func(Out) bool) error {
			return up(ctx, func(items []Out) bool {
				for i, v := range items {
					if ctx.Err() != nil || !yield(v) {
						if i+1 < len(items) {
							l.unfinish()
						}
						return false
					}
				}
				return true
			})
		})
	})
}
