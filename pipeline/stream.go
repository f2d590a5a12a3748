package pipeline

import (
	"context"
	"errors"
	"iter"
	"runtime"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
)

// Stream runs the pipeline over src while the result is ranged over, and yields
// what comes out. Nothing runs before that, and each range is a new run. Stages
// with one worker run on the ranging goroutine.
//
// An error is yielded once, last, with a zero item. Leaving the loop early, by
// break, return or panic, cancels the context of the callbacks, and the loop
// statement ends when everything has stopped: no goroutine of the run is left,
// and no callback will start. A src or a callback that does not look at its
// context delays that.
//
// When ctx is done nothing more is yielded but its error. A panic of a callback
// is yielded as a [*PanicError]; a runtime.Goexit as [ErrGoexit], after which
// the ranging goroutine ends if it was the one that ran the callback.
func (p *Pipeline[In, Out]) Stream(ctx context.Context, src iter.Seq[In]) iter.Seq2[Out, error] {
	check(ctx, src)
	return func(yield func(Out, error) bool) {
		s := &sink[Out]{yield: yield}
		if err := p.into(ctx, src, s); err != nil && !s.left {
			var none Out
			yield(none, err)
		}
	}
}

// into runs the pipeline for the loop over a Stream.
func (p *Pipeline[In, Out]) into(ctx context.Context, src iter.Seq[In], s *sink[Out]) error {
	if p.chain != nil {
		if up := p.chain.into(src, s); up != nil {
			return s.run(ctx, up, nil)
		}
	}
	return s.run(ctx, p.flow(&run{}, 0, source(src)), s.next)
}

// Collect runs the pipeline over src on this goroutine and returns all that
// comes out, or nil and the first error. A panic or runtime.Goexit of a callback
// is raised on this goroutine, a panic as a [*PanicError].
func (p *Pipeline[In, Out]) Collect(ctx context.Context, src iter.Seq[In]) ([]Out, error) {
	check(ctx, src)
	var all []Out
	if err := block(ctx, p.flow(&run{}, 0, source(src)), func(v Out) bool {
		all = append(all, v)
		return true
	}); err != nil {
		return nil, err
	}
	return all, nil
}

func check[T any](ctx context.Context, src iter.Seq[T]) {
	if ctx == nil {
		panic("pipeline: ctx must not be nil; use context.Background()")
	}
	if src == nil {
		panic("pipeline: the source must not be nil; slices.Values(nil) is an empty one")
	}
}

// source makes a producer of src.
func source[T any](src iter.Seq[T]) producer[T] {
	return func(ctx context.Context, yield func(T) bool) error {
		if ctx.Done() == nil {
			src(yield)
			return nil
		}
		src(func(v T) bool { return ctx.Err() == nil && yield(v) })
		return ctx.Err()
	}
}

// unguarded is source for who looks at ctx itself.
func unguarded[T any](src iter.Seq[T]) producer[T] {
	return func(ctx context.Context, yield func(T) bool) error {
		src(yield)
		return ctx.Err()
	}
}

// deliver runs up and hands what it makes to yield, nothing once ctx is done.
// It returns the error of the run, and that of ctx if it was the reason.
func deliver[T any](ctx context.Context, up producer[T], yield func(T) bool) error {
	if ctx.Err() != nil {
		return ctxerr.Of(ctx)
	}
	left := false
	visit := func(v T) bool {
		if ctx.Err() != nil {
			return false
		}
		left = !yield(v)
		return !left
	}
	if ctx.Done() == nil {
		visit = yield
	}
	err := up(ctx, visit)
	if left {
		return nil
	}
	return rootCause(ctx, err)
}

// rootCause returns the error of a run that was not left early: an error that
// says no more than that ctx is done is the error of ctx.
func rootCause(ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil && (err == nil || errors.Is(err, cerr)) {
		return ctxerr.Of(ctx)
	}
	return err
}

// block is deliver for a caller that waits: a panic of a callback that ran on
// this goroutine is raised as a PanicError, like one that ran elsewhere.
func block[T any](ctx context.Context, up producer[T], yield func(T) bool) error {
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				panic(fault.Panicked(v))
			}
		}
	}()
	err := deliver(ctx, up, yield)
	returned = true
	raise(err)
	return err
}

// raise repeats a fault of a callback on this goroutine. It returns if err is
// none.
func raise(err error) {
	if !isFault(err) {
		return
	}
	if err == ErrGoexit { //nolint:errorlint // see isFault
		runtime.Goexit()
	}
	panic(err)
}

// sink is the loop over a Stream.
type sink[T any] struct {
	yield  func(T, error) bool
	inside bool // the loop's body is running
	left   bool // the loop has ended
}

// run runs up for the loop. A panic or Goexit of the body passes; one of a
// callback becomes an error.
func (s *sink[T]) run(ctx context.Context, up producer[T], next func(T) bool) (err error) {
	returned := false
	defer func() {
		if returned || s.inside {
			return
		}
		if v := recover(); v != nil {
			err = fault.Panicked(v)
			return
		}
		// Goexit cannot be stopped: this is the last chance to tell the loop.
		if !s.left {
			var none T
			s.yield(none, ErrGoexit)
		}
	}()
	err = deliver(ctx, up, next)
	returned = true
	return err
}

func (s *sink[T]) next(v T) bool {
	s.inside = true
	more := s.yield(v, nil)
	s.inside = false
	s.left = !more
	return more
}
