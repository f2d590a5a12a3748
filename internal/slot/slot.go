// Package slot carries a typed result out of a layer that knows none.
//
// A layer has one method, Do(ctx, fn) error, and may run fn never, once, many
// times one after the other (a retry) or several times at once (a hedge). Each
// run writes to a slot of its own, and the result that is handed out is the one
// of the run whose nil the layer returned. So nothing is written twice, a run
// that goes on after the layer returned changes nothing, and a layer that says
// nil without a successful run gets [ErrNotRun] instead of a zero value.
package slot

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrNotRun is returned when a layer reported success although no run of the
// function had succeeded.
var ErrNotRun = errors.New("weir: a layer returned nil without a successful run")

// Layer is a policy around a call.
type Layer interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

// Do runs fn inside layer and returns its result. On an error the result is
// the zero value and means nothing.
//
// Which run does a nil stand for? Of runs one after the other, the last that
// succeeded: a later run was made because the earlier result was not wanted.
// Of runs at the same time, the first that succeeded: that is the one a hedge
// takes. Both follow from one compare-and-swap: a run replaces the result that
// it saw when it began, and no other.
func Do[T any](ctx context.Context, layer Layer, fn func(context.Context) (T, error)) (T, error) {
	var won atomic.Pointer[T]
	err := layer.Do(ctx, func(ctx context.Context) error {
		seen := won.Load()
		v, err := fn(ctx)
		if err == nil {
			won.CompareAndSwap(seen, &v)
		}
		return err
	})
	var zero T
	if err != nil {
		return zero, err
	}
	if v := won.Load(); v != nil {
		return *v, nil
	}
	return zero, ErrNotRun
}
