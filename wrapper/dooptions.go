package wrapper

import (
	"context"
	"reflect"
)

// DoOption changes what Do does with results. It knows their type, which a layer
// does not.
type DoOption[T any] interface{ apply(*doConfig[T]) }

type doConfig[T any] struct {
	fallback func(context.Context, error) (T, error)
	discard  func(T)
}

type doOption[T any] func(*doConfig[T])

func (f doOption[T]) apply(c *doConfig[T]) { f(c) }

// Fallback returns what f makes of the error where a call failed: a value from a
// cache, a default, or another error. f runs on the caller's goroutine, outside
// the layers, which have got everything back, with the context of Do, which may
// be done. It is not called for a panic.
func Fallback[T any](f func(ctx context.Context, err error) (T, error)) DoOption[T] {
	if f == nil {
		panic("wrapper: Fallback needs a function, got nil")
	}
	return doOption[T](func(c *doConfig[T]) { c.fallback = f })
}

// Discard calls f with every result that a run of the function returned and that
// Do does not return, so that what it holds, as the body of a response, can be
// closed: a result that came with an error, that of the slower run of a hedge,
// and one of which a layer made an error or a panic. A zero T is no result. f
// runs on the goroutine of the run, or of Do, and may run at several at once.
func Discard[T any](f func(T)) DoOption[T] {
	if f == nil {
		panic("wrapper: Discard needs a function, got nil")
	}
	return doOption[T](func(c *doConfig[T]) {
		c.discard = func(v T) {
			if !reflect.ValueOf(&v).Elem().IsZero() {
				f(v)
			}
		}
	})
}

// doWith is Do with options.
func doWith[T any](ctx context.Context, w *Wrapper, fn func(context.Context) (T, error), opts []DoOption[T]) (T, error) {
	checkOptions("Do", opts)
	var c doConfig[T]
	for _, o := range opts {
		o.apply(&c)
	}
	v, err := do(ctx, w.first, &work[struct{}, T]{typed: fn, discard: c.discard})
	if err != nil && c.fallback != nil {
		return c.fallback(ctx, err)
	}
	return v, err
}
