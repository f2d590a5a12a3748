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
	scope    scope
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

// bare returns the function of w if it is typed and needs nothing else of w, or nil.
func (w *work[In, T]) bare() func(context.Context) (T, error) {
	if w.discard != nil {
		return nil
	}
	return w.typed
}

// scope is what a call knows of the timeouts around it.
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
// Results are returned by value, and no closure that escapes captures anything,
// so that a call costs no allocation.
func run[In, T any](ctx context.Context, f *frame, w *work[In, T]) (T, error) {
	switch f.kind {
	case passed:
		if f.plain {
			return straight(ctx, f, w.bare(), w)
		}
		return passing(ctx, f, w)
	case timed:
		return limited(ctx, f, w)
	case counted:
		return count(ctx, f, w)
	}
	if f.each != nil {
		return byKey(ctx, f, w)
	}
	if f.foreign != nil && (!f.hedges || !w.noRetry) {
		return through(ctx, f, w)
	}
	if f.foreign == nil {
		return caught(ctx, f, w)
	}
	return beyond(ctx, f, w)
}

// beyond runs w inside the frames that are in f.
func beyond[In, T any](ctx context.Context, f *frame, w *work[In, T]) (T, error) {
	if f.next != nil {
		if f.next.plain { // run would find that too, and cost a call
			return straight(ctx, f.next, w.bare(), w)
		}
		return run(ctx, f.next, w)
	}
	w.scope.newest.speak()
	return w.run(ctx)
}

// count runs w as one of the calls of a wrapper.
func count[In, T any](ctx context.Context, f *frame, w *work[In, T]) (v T, err error) {
	if f.life != nil {
		if !f.life.enter() {
			return v, ErrClosed
		}
		defer f.life.leave()
	}
	return beyond(ctx, f, w)
}

// limited runs w inside a timeout.
func limited[In, T any](ctx context.Context, f *frame, w *work[In, T]) (v T, err error) {
	if f.life != nil {
		if !f.life.enter() {
			return v, ErrClosed
		}
		defer f.life.leave()
	}
	c, around := f.timeout.start(ctx), w.scope
	defer c.end()
	w.scope = around.within(c)
	c.hush()
	v, err = beyond(c, f, w)
	w.scope = around
	if err != nil {
		err = c.verdict(err)
	}
	return v, err
}

// byKey runs w inside the wrapper of its key. That is a call of its own, for which
// a NoRetry does not hold, but what a layer around it says in the context does.
func byKey[In, T any](ctx context.Context, f *frame, w *work[In, T]) (v T, err error) {
	o := override(ctx)
	if o == nil {
		return v, ErrNoKey
	}
	first, entry, err := f.each.enter(ctx, o.Key)
	if err != nil {
		return v, err
	}
	noRetry, priority := w.noRetry, w.priority
	defer func() {
		w.noRetry, w.priority = noRetry, priority
		f.each.leave(entry)
	}()
	ctx, first = w.overridden(ctx, o, first)
	return run(ctx, first, w)
}

// through runs what is inside a foreign layer through its Do. Such a layer may
// run it several times at once, and later than it should: so each run gets a
// copy, and a place of its own for its result. A policy of ours that hedges does run
// it twice at once, and needs both: a sixth more time than without a wrapper.
func through[In, T any](ctx context.Context, f *frame, w *work[In, T]) (T, error) {
	w.scope.newest.speak()
	var begun atomic.Bool
	inside := *w // not begun: an attempt begins with that, and only attempts repeat
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
		v, err := beyond(ctx, f, &each)
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
func caught[In, T any](ctx context.Context, f *frame, w *work[In, T]) (v T, err error) {
	around := w.scope
	defer func() {
		if r := recover(); r != nil { // nil if it is a Goexit that passes
			var zero T
			v, err, w.scope = zero, fault.Panicked(r), around
		}
	}()
	return beyond(ctx, f, w)
}
