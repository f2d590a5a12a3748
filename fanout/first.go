package fanout

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/stream"
)

// errDecided is the cause of the cancellation of those that lost.
var errDecided = errors.New("fanout: another function was first")

// First runs every function at once and returns the first success. The context of
// the others is cancelled, they are waited for, and what they return is dropped: a
// function whose result must be closed has to do that itself when its context is
// done.
//
// If all fail the error is a *[BatchError] with every error in the order of fns;
// if that is so only because ctx is done, the error of ctx. Without functions it
// is [ErrEmpty]. Panics and runtime.Goexit are treated as by [Map]: they
// end First whether another function succeeded or not.
func First[T any](ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	var zero T
	r := together(ctx, "First", len(fns), func(i int) bool { return fns[i] == nil })
	if len(fns) == 0 {
		return zero, ErrEmpty
	}
	r.record.kept = &kept{most: len(fns)}
	var won atomic.Pointer[T]
	err := r.do(bodyFunc(func(lo, _ int, heed stream.Signal) (int, error) {
		if signal, caller := r.signals(); signal.Load() >= heed || caller != nil && caller.Err() != nil {
			return lo, nil
		}
		v, err := fns[lo](r)
		if err != nil {
			return lo, err
		}
		if won.CompareAndSwap(nil, &v) {
			r.claim.Stop()
			r.cancel(errDecided)
		}
		return lo + 1, nil
	}))
	if v := won.Load(); v != nil {
		return *v, nil
	}
	if batch, ok := err.(*BatchError); ok && batch.allFrom(ctx) { //nolint:errorlint // made by do, never wrapped
		err = ctxerr.Of(ctx)
	}
	return zero, err
}

// allFrom reports whether every failure says no more than that ctx is done.
func (e *BatchError) allFrom(ctx context.Context) bool {
	return !slices.ContainsFunc(e.Failures, func(f *ItemError) bool { return !fromCaller(ctx, f.Err) })
}

// Race runs every function at once and returns the first result, good or bad. The
// others are treated as by [First]. An error comes as an *[ItemError] whose index is
// the function's place, unless it says no more than that ctx is done: then it is
// the error of ctx.
func Race[T any](ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	var zero T
	r := together(ctx, "Race", len(fns), func(i int) bool { return fns[i] == nil })
	if len(fns) == 0 {
		return zero, ErrEmpty
	}
	var won atomic.Pointer[T]
	var decided atomic.Bool
	err := r.do(bodyFunc(func(lo, _ int, heed stream.Signal) (int, error) {
		if signal, caller := r.signals(); signal.Load() >= heed || caller != nil && caller.Err() != nil {
			return lo, nil
		}
		v, err := fns[lo](r)
		if !decided.CompareAndSwap(false, true) {
			return lo + 1, nil // not the first: dropped, error or not
		}
		if err != nil {
			return lo, err
		}
		won.Store(&v)
		r.claim.Stop()
		r.cancel(errDecided)
		return lo + 1, nil
	}))
	if v := won.Load(); v != nil {
		return *v, nil
	}
	return zero, err
}
