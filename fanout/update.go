package fanout

import (
	"context"

	"github.com/weirkit/weir/internal/stream"
)

// Update calls f with the address of every item, to change it in place. It stops,
// fails and panics as [Map] does; what was changed until then stays changed.
//
// With [Guard], which may run f several times, f gets the address of a copy, and
// the item changes once a run has succeeded.
func Update[T any](ctx context.Context, items []T, f func(context.Context, *T) error, opts ...Option) error {
	r := &run{}
	r.begin(ctx, function{"Update", onSlices}, len(items), f != nil, opts)
	change := inPlace(f)
	if len(r.cfg.guards) > 0 {
		change = onCopy(f)
	}
	call := wrap(r.cfg, change)
	return r.do(bodyFunc(func(lo, hi int, heed stream.Signal) (int, error) {
		signal, caller := r.signals()
		for i := lo; i < hi; i++ {
			if signal.Load() >= heed || caller != nil && caller.Err() != nil {
				return i, nil
			}
			v, err := call(r, &items[i])
			if err != nil {
				return i, err
			}
			if v != nil {
				items[i] = *v
			}
		}
		return hi, nil
	}))
}

// inPlace changes the item itself, and has nothing to put in its place.
func inPlace[T any](f func(context.Context, *T) error) func(context.Context, *T) (*T, error) {
	return func(ctx context.Context, item *T) (*T, error) { return nil, f(ctx, item) }
}

// onCopy changes a copy, and returns it.
func onCopy[T any](f func(context.Context, *T) error) func(context.Context, *T) (*T, error) {
	return func(ctx context.Context, item *T) (*T, error) {
		v := *item
		err := f(ctx, &v)
		return &v, err
	}
}
