package wrapper

import (
	"context"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/rejection"
)

// call is what the layers know of a call, whatever its results are.
type call struct {
	// caller is the context without our own timeouts. Its end is the caller's
	// doing, and no failure of what is called.
	caller context.Context
	// begun is set once the function is called. Until then a token that was
	// taken for it can be given back, and a breaker has learned nothing. It is a
	// field and no result, because a panic must not lose it.
	begun    bool
	noRetry  bool
	priority int
}

// work is what the layers are around: one of three shapes of function, so that
// none needs a closure to look like another.
type work[In, T any] struct {
	call

	plain   func(context.Context) error
	typed   func(context.Context) (T, error)
	item    func(context.Context, In) (T, error)
	in      In
	discard func(T) // may be nil
}

func (w *work[In, T]) run(ctx context.Context) (v T, err error) {
	w.begun = true
	switch {
	case w.typed != nil:
		v, err = w.typed(ctx)
		if err != nil && w.discard != nil {
			w.discard(v)
		}
		return v, err
	case w.plain != nil:
		return v, w.plain(ctx)
	}
	return w.item(ctx, w.in)
}

// scope is what a frame knows of the timeouts around it.
type scope struct {
	// timeout is the innermost timeout whose deadline counts, or nil.
	timeout *deadline
	// newest is the innermost timeout, which may still be quiet, or nil.
	newest *deadline
}

func (s scope) within(c *deadline) scope {
	s.newest.speak()
	s.newest = c
	if c.own || s.timeout == nil {
		s.timeout = c
	}
	return s
}

// run runs w inside f and the frames in it.
//
// Results are returned by value, and nothing here is captured by a closure, so
// that a call costs no allocation.
func run[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (v T, err error) {
	if f == nil {
		sc.newest.speak()
		return w.run(ctx)
	}
	if f.life != nil && !f.life.enter() {
		return v, ErrClosed
	}
	var c *deadline
	returned := false
	defer func() {
		if !returned { // a panic or a Goexit is passing
			f.leave(c)
		}
	}()
	if f.total != nil {
		c = f.total.start(ctx)
		ctx, sc = c, sc.within(c)
		c.hush()
	}
	switch {
	case f.retry != nil && !w.noRetry:
		v, err = retrying(ctx, sc, f, w)
	case f.bare:
		v, err = within(ctx, sc, f, w)
	default:
		v, err = attempt(ctx, sc, f, w)
	}
	if c != nil && err != nil {
		err = c.verdict(err)
	}
	returned = true
	f.leave(c)
	return v, err
}

// leave gives up what run took.
func (f *frame) leave(c *deadline) {
	if c != nil {
		c.end()
	}
	if f.life != nil {
		f.life.leave()
	}
}

// attempt runs w once inside the gates of f, its breaker and its attempt
// timeout.
func attempt[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (v T, err error) {
	var p passage
	var c *deadline
	before := w.begun
	w.begun = false
	returned := false
	defer func() {
		if !returned { // a panic or a Goexit is passing
			if c != nil {
				c.end()
			}
			p.abandon(f, w.begun)
			w.begun = w.begun || before
		}
	}()
	if err = p.enter(ctx, &w.call, sc, f); err == nil {
		inside := ctx
		if f.attempt != nil {
			c = f.attempt.start(ctx)
			inside, sc = c, sc.within(c)
		}
		v, err = within(inside, sc, f, w)
		if c != nil {
			if err != nil {
				err = c.verdict(err)
			}
			c.end()
		}
		p.leave(ctx, w.caller, f, w.begun, err)
	}
	returned = true
	w.begun = w.begun || before
	return v, err
}

// within runs w inside the innermost part of f.
func within[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (T, error) {
	switch {
	case f.foreign != nil && (!f.hedges || !w.noRetry):
		return through(ctx, sc, f, w)
	case f.catch:
		return caught(ctx, sc, f.next, w)
	case f.next != nil:
		return run(ctx, sc, f.next, w)
	}
	sc.newest.speak()
	return w.run(ctx)
}

// retrying runs attempts one after the other until the policy has enough.
func retrying[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (v T, err error) {
	call := f.retry.Begin(ctx)
	if err = call.Err(); err != nil {
		return v, err
	}
	returned := false
	defer func() {
		if !returned { // a panic or a Goexit is passing
			call.End()
		}
	}()
	for {
		v, err = attempt(call.Context(), sc, f, w)
		if !call.Next(err) {
			break
		}
	}
	returned = true
	return v, call.Err()
}

// through runs what is inside a foreign layer through its Do. Such a layer may
// run it several times at once, and later than it should: so each run gets a
// copy, and a place of its own for its result.
func through[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (T, error) {
	sc.newest.speak()
	var begun atomic.Bool
	inside, next := *w, f.next // not begun: an attempt begins with that, and only attempts repeat
	all := &results[T]{discard: w.discard}
	returned := false
	defer func() {
		w.begun = begun.Load()
		if !returned { // a panic or a Goexit is passing
			all.end(false)
		}
	}()
	err := f.foreign.Do(ctx, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return ctxerr.Of(ctx)
		}
		seen, ok := all.begin()
		if !ok {
			return context.Canceled
		}
		each := inside
		defer func() {
			if each.begun {
				begun.Store(true)
			}
		}()
		v, err := run(ctx, sc, next, &each)
		if err == nil {
			all.succeeded(v, seen)
		}
		return err
	})
	returned = true
	v, ok := all.end(err == nil)
	switch {
	case err == nil && !ok:
		err = ErrNotRun
	case err != nil && ctx.Err() == nil && !rejection.Is(err):
		// An error of the layer's own is one of what it stands for, unless it says
		// that it refused, or was cut short.
		begun.Store(true)
	}
	return v, err
}

// caught runs what is inside a Recover layer.
func caught[In, T any](ctx context.Context, sc scope, f *frame, w *work[In, T]) (v T, err error) {
	defer func() {
		if r := recover(); r != nil { // nil if it is a Goexit that passes
			var zero T
			v, err = zero, fault.Panicked(r)
		}
	}()
	return run(ctx, sc, f, w)
}
