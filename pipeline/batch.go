package pipeline

import (
	"context"
	"fmt"
	"strconv"
)

// Batch adds a stage that hands on its items n at a time, in slices that belong
// to the receiver. The last batch may be smaller; none is empty. With [Every], a
// batch is also handed on when its first item has waited for so long.
//
// What came before an error is handed on before it; once ctx is done, and after
// a panic, an unfinished batch is dropped.
//
// Batch is a function for ever: Go allows no method that returns a pipeline of
// slices of its own type parameter.
func Batch[In, Out any](p *Pipeline[In, Out], n int, opts ...Option) *Pipeline[In, []Out] {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: the size of a Batch must be between 1 and %d, got %d", maxAsked, n))
	}
	c := newConfig("batch", opts, "Every", "Buffer")
	c.detail = strconv.Itoa(n)
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[[]Out] {
		if c.every > 0 && !r.inline {
			from, to := r.cross().loops()
			return buffered(r, at, c, timedBatch(from, to, up, n, c.every))
		}
		return buffered(r, at, c, batch(r.loop, up, n))
	})
}

// firstCap bounds what is allocated for a batch before it is known to get full.
const firstCap = 1024

func batch[T any](l *loop, up producer[T], n int) producer[[]T] {
	return func(ctx context.Context, yield func([]T) bool) error {
		var items []T
		var lowest *input
		left := false
		err := up(ctx, func(v T) bool {
			if items == nil {
				items = make([]T, 0, min(n, firstCap))
			}
			lowest = l.keepLowest(lowest)
			if items = append(items, v); len(items) < n {
				return true
			}
			full, in := items, lowest
			items, lowest = nil, nil
			left = !pass(l, in, full, yield)
			return !left
		})
		if len(items) > 0 && !left && ctx.Err() == nil && !isFault(err) {
			pass(l, lowest, items, yield)
		}
		return err
	}
}
