package ratelimit

import (
	"context"

	"github.com/weirkit/weir/internal/slot"
)

// Do waits for a token and runs fn on this goroutine, and returns its error.
// Where the token cannot be had, fn does not run and the error is that of
// [Limiter.Wait]. A panic or runtime.Goexit of fn passes through. The token is
// spent in every case in which fn ran. It panics if fn is nil.
func (l *Limiter) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := l.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

// Policy is what [Do] runs a function under: a [Limiter], a [Multi], an
// [Adaptive] and every other layer of the SDK.
type Policy interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

// Do is the Do method of l for a function with a result. On an error that comes
// from l the result is the zero value and means nothing. With a *[Limiter] it
// allocates nothing. It panics if l or fn is nil.
func Do[T any](ctx context.Context, l Policy, fn func(context.Context) (T, error)) (T, error) {
	mustHave(fn != nil)
	if l == nil {
		panic("ratelimit: the policy of Do must not be nil")
	}
	if l, ok := l.(*Limiter); ok {
		if err := l.Wait(ctx); err != nil {
			var none T
			return none, err
		}
		return fn(ctx)
	}
	return slot.Do(ctx, l, fn)
}
