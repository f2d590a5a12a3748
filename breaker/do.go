package breaker

import "context"

// Do runs fn on this goroutine if the breaker admits the call, reports how it
// ended and returns its error. Where the call is refused, fn does not run and
// the error is that of [Breaker.Acquire]. A panic or runtime.Goexit of fn is a
// failure and passes through untouched. It panics if fn is nil.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	w := b.word.Load()
	if !plain(w) || fn == nil || ctx.Err() != nil {
		if w&flagShut != 0 && fn != nil {
			return b.refusal.Load()
		}
		return b.do(ctx, fn)
	}
	returned := false
	defer func() {
		if !returned {
			b.noReturn(w)
		}
	}()
	err := fn(ctx)
	returned = true
	if err != nil || !quiet(b.word.Load()) && !b.passed(w) {
		b.done(ctx, w, err)
	}
	return err
}

// do is Do where more than the word has to be looked at.
func (b *Breaker) do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	c := call{b: b}
	gen, err := b.enter(ctx, &c)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if !returned {
			b.settle(ctx, &c, gen, &ending{outcome: Failure, err: ErrNoReturn})
		}
	}()
	err = fn(ctx)
	returned = true
	b.finish(ctx, &c, gen, err)
	return err
}

// Do is [Breaker.Do] for a function with a result. If the call is refused the
// result is the zero value and means nothing.
func Do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	w := b.word.Load()
	if !plain(w) || fn == nil || ctx.Err() != nil {
		if w&flagShut != 0 && fn != nil {
			var none T
			return none, b.refusal.Load()
		}
		return do(ctx, b, fn)
	}
	returned := false
	defer func() {
		if !returned {
			b.noReturn(w)
		}
	}()
	v, err := fn(ctx)
	returned = true
	if err != nil || !quiet(b.word.Load()) && !b.passed(w) {
		b.done(ctx, w, err)
	}
	return v, err
}

func do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	mustHave(fn != nil)
	c := call{b: b}
	gen, err := b.enter(ctx, &c)
	if err != nil {
		var none T
		return none, err
	}
	returned := false
	defer func() {
		if !returned {
			b.settle(ctx, &c, gen, &ending{outcome: Failure, err: ErrNoReturn})
		}
	}()
	v, err := fn(ctx)
	returned = true
	b.finish(ctx, &c, gen, err)
	return v, err
}

func mustHave(fn bool) {
	if !fn {
		panic("breaker: fn must not be nil")
	}
}

// passed counts the success of a call that was admitted by the word w alone, if
// all that takes is an add to the window that meets no other: it is what a
// healthy breaker with a rate does most. It is just small enough to be inlined.
// See count for the order of the loads.
func (b *Breaker) passed(w uint64) bool {
	win := b.window.Load()
	return uint32(w) == flagMade|flagTally && b.word.Load() == w && win != nil && win.tryPass() // #nosec G115 -- the lower half is wanted
}

// done settles a call that was admitted by the word w alone. It is the short way
// of finish for an add that meets another one, or a window that is spread.
func (b *Breaker) done(ctx context.Context, w uint64, err error) {
	if err == nil && uint32(w) == flagMade|flagTally { // #nosec G115 -- the lower half is wanted
		if win := b.window.Load(); win != nil && b.word.Load() == w {
			win.pass()
			return
		}
	}
	b.finish(ctx, &b.plain, genOf(w), err)
}

// noReturn settles a call, admitted by the word w alone, that panicked or
// exited. Nobody is told of it with a context: there is no Outcome event, or the
// word would have said so. It takes so little because what a deferred function
// captures is stored at each call.
func (b *Breaker) noReturn(w uint64) {
	b.settle(context.Background(), &b.plain, genOf(w), &ending{outcome: Failure, err: ErrNoReturn})
}
