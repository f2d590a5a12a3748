package fanout

import (
	"context"
	"fmt"

	"github.com/weirkit/weir/internal/stream"
)

// All runs every function at once, one of them on the calling goroutine, and
// returns when they have ended. The first error cancels the context of the others;
// All returns it as an *[ItemError], whose index is the function's place. Of several
// that failed by themselves, the one with the lowest index counts. Panics and
// runtime.Goexit are treated as by [Map]. It panics if a function is nil.
func All(ctx context.Context, fns ...func(context.Context) error) error {
	return all(ctx, "All", fns...)
}

func all(ctx context.Context, name string, fns ...func(context.Context) error) error {
	r := together(ctx, name, len(fns), func(i int) bool { return fns[i] == nil })
	return r.do(bodyFunc(func(lo, hi int, heed stream.Signal) (int, error) {
		signal, caller := r.signals()
		for i := lo; i < hi; i++ {
			if signal.Load() >= heed || caller != nil && caller.Err() != nil {
				return i, nil
			}
			if err := fns[i](r); err != nil {
				return i, err
			}
		}
		return hi, nil
	}))
}

// together makes a run of n functions at once.
func together(ctx context.Context, name string, n int, isNil func(i int) bool) *run {
	r := &run{}
	r.begin(ctx, function{name: name}, n, true, nil)
	for i := range n {
		if isNil(i) {
			panic(fmt.Sprintf("fanout: %s needs functions, number %d is nil", name, i))
		}
	}
	r.claim.Workers, r.claim.AtOnce = n, true
	return r
}

// into runs f and stores its result, if there is one.
func into[T any](to *T, f func(context.Context) (T, error)) func(context.Context) error {
	if f == nil {
		return nil
	}
	return func(ctx context.Context) error {
		v, err := f(ctx)
		if err == nil {
			*to = v
		}
		return err
	}
}

// All2 runs two functions at once and returns both results, or the error as
// [All] does. On an error the results are zero values and mean nothing.
func All2[A, B any](ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error)) (A, B, error) {
	var a A
	var b B
	if err := all(ctx, "All2", into(&a, fa), into(&b, fb)); err != nil {
		return *new(A), *new(B), err
	}
	return a, b, nil
}

// All3 is [All2] for three functions.
func All3[A, B, C any](ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error)) (A, B, C, error) {
	var a A
	var b B
	var c C
	if err := all(ctx, "All3", into(&a, fa), into(&b, fb), into(&c, fc)); err != nil {
		return *new(A), *new(B), *new(C), err
	}
	return a, b, c, nil
}

// All4 is [All2] for four functions.
func All4[A, B, C, D any](ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error)) (A, B, C, D, error) {
	var a A
	var b B
	var c C
	var d D
	if err := all(ctx, "All4", into(&a, fa), into(&b, fb), into(&c, fc), into(&d, fd)); err != nil {
		return *new(A), *new(B), *new(C), *new(D), err
	}
	return a, b, c, d, nil
}

// All5 is [All2] for five functions.
func All5[A, B, C, D, E any](ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
	fe func(context.Context) (E, error)) (A, B, C, D, E, error) {
	var a A
	var b B
	var c C
	var d D
	var e E
	if err := all(ctx, "All5", into(&a, fa), into(&b, fb), into(&c, fc), into(&d, fd), into(&e, fe)); err != nil {
		return *new(A), *new(B), *new(C), *new(D), *new(E), err
	}
	return a, b, c, d, e, nil
}

// All6 is [All2] for six functions.
func All6[A, B, C, D, E, F any](ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
	fe func(context.Context) (E, error), ff func(context.Context) (F, error)) (A, B, C, D, E, F, error) {
	var a A
	var b B
	var c C
	var d D
	var e E
	var f F
	if err := all(ctx, "All6", into(&a, fa), into(&b, fb), into(&c, fc), into(&d, fd), into(&e, fe), into(&f, ff)); err != nil {
		return *new(A), *new(B), *new(C), *new(D), *new(E), *new(F), err
	}
	return a, b, c, d, e, f, nil
}
