package pipeline

import (
	"context"
	"fmt"
	"strconv"
)

// Take adds a stage that hands on the first n items and then ends the run of
// what comes before it: with Take(0) nothing is read at all. Stages with workers
// may have begun items behind those; they are cancelled and waited for. An error of
// an item behind those is not met, as after a break, also where a [Batch] read both.
func (p *Pipeline[In, Out]) Take(n int, opts ...Option) *Pipeline[In, Out] {
	if n < 0 {
		panic(fmt.Sprintf("pipeline: Take must be at least 0, got %d", n))
	}
	c := newConfig("take", opts, "Buffer")
	c.detail = strconv.Itoa(n)
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[Out] {
		l := r.loop
		return buffered(r, at, c, func(ctx context.Context, yield func(Out) bool) error {
			if n == 0 {
				return nil
			}
			taken := 0
			err := up(ctx, func(v Out) bool {
				if taken++; !yield(v) {
					return false
				}
				if taken == n {
					l.finish()
				}
				return taken < n
			})
			return behind(ctx, taken == n, err)
		})
	})
}

// behind returns the error that a stage ends with which has ended the run of what
// comes before it, or not. An error there can only belong to items behind those that
// it wanted, which a batch read together with them: it is not met, as after a break.
func behind(ctx context.Context, ended bool, err error) error {
	if ended && ctx.Err() == nil && !isFault(err) {
		return nil
	}
	return err
}

// Skip adds a stage that drops the first n items.
func (p *Pipeline[In, Out]) Skip(n int, opts ...Option) *Pipeline[In, Out] {
	if n < 0 {
		panic(fmt.Sprintf("pipeline: Skip must be at least 0, got %d", n))
	}
	c := newConfig("skip", opts, "Buffer")
	c.detail = strconv.Itoa(n)
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[Out] {
		return buffered(r, at, c, func(ctx context.Context, yield func(Out) bool) error {
			skipped := 0
			return up(ctx, func(v Out) bool {
				if skipped < n {
					skipped++
					return true
				}
				return yield(v)
			})
		})
	})
}

// TakeWhile adds a stage that hands items on until more returns false for one,
// which is dropped; then it ends the run of what comes before it, as Take does.
func (p *Pipeline[In, Out]) TakeWhile(more func(ctx context.Context, item Out) (bool, error), opts ...Option) *Pipeline[In, Out] {
	if more == nil {
		panic("pipeline: TakeWhile needs a function, got nil")
	}
	c := newConfig("takewhile", opts, "Buffer", "OnError", "DeadLetter")
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[Out] {
		return buffered(r, at, c, func(ctx context.Context, yield func(Out) bool) error {
			ended := false
			s := &step[Out, Out]{config: c, keep: func(ctx context.Context, v Out) (Out, bool, error) {
				ok, err := more(ctx, v)
				ended = err == nil && !ok
				return v, ok, err
			}}
			// The step drops the item that ends the run; the look at ended before
			// the next one would read one item too many.
			err := s.fuseKeep(r, at, up, &ended)(ctx, yield)
			return behind(ctx, ended, err)
		})
	})
}
