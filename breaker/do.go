package breaker

import "context"

// Do runs fn on this goroutine if the breaker admits the call, reports how it
// ended and returns its error. Where the call is refused, fn does not run and
// the error is that of [Breaker.Acquire]. A panic or runtime.Goexit of fn is a
// failure and passes through untouched.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	w := b.word.Load()
	if w&entryBits != 0 || ctx.Err() != nil {
		return b.do(ctx, fn)
	}
	returned := false
	defer func() {
		if !returned {
			b.noReturn(ctx, w)
		}
	}()
	err := fn(ctx)
	returned = true
	if err != nil || !quiet(b.word.Load()) {
		b.done(ctx, w, err)
	}
	return err
}

// do is Do where more than the word has to be looked at.
func (b *Breaker) do(ctx context.Context, fn func(context.Context) error) error {
	p, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.noReturn()
	err = fn(ctx)
	p.Done(err)
	return err
}

// Do is [Breaker.Do] for a function with a result. If the call is refused the
// result is the zero value and means nothing.
func Do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	w := b.word.Load()
	if w&entryBits != 0 || ctx.Err() != nil {
		return do(ctx, b, fn)
	}
	returned := false
	defer func() {
		if !returned {
			b.noReturn(ctx, w)
		}
	}()
	v, err := fn(ctx)
	returned = true
	if err != nil || !quiet(b.word.Load()) {
		b.done(ctx, w, err)
	}
	return v, err
}

func do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	p, err := b.acquire(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer p.noReturn()
	v, err := fn(ctx)
	p.Done(err)
	return v, err
}

// done reports a call that was admitted by the word w alone.
func (b *Breaker) done(ctx context.Context, w uint64, err error) {
	p := Permit{b: b, ctx: ctx, begin: unstamped, gen: genOf(w)}
	p.done(err)
}

// noReturn reports a call, admitted by the word w alone, that panicked or exited.
func (b *Breaker) noReturn(ctx context.Context, w uint64) {
	p := Permit{b: b, ctx: ctx, begin: unstamped, gen: genOf(w)}
	p.noReturn()
}

// noReturn ends the permit of a call that panicked or exited. After Done it
// does nothing; Done ends the permit before it calls anything of the user's.
func (p *Permit) noReturn() { p.Report(Failure, ErrNoReturn) }
