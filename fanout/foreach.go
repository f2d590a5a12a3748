package fanout

import "context"

// ForEach calls f for every item. It stops, fails and panics as [Map] does.
func ForEach[T any](ctx context.Context, items []T, f func(context.Context, T) error, opts ...Option) error {
	r := begin(ctx, "ForEach", len(items), f != nil, opts)
	call := wrap(r.cfg, bare(f))
	return r.do(func(lo, hi int) (int, error) {
		stop, caller := r.signals()
		for i := lo; i < hi; i++ {
			if stop.Load() || caller != nil && caller.Err() != nil {
				return i, nil
			}
			if _, err := call(r, items[i]); err != nil {
				return i, err
			}
		}
		return hi, nil
	})
}

// bare gives f a result of no size.
func bare[T any](f func(context.Context, T) error) func(context.Context, T) (struct{}, error) {
	return func(ctx context.Context, item T) (struct{}, error) { return struct{}{}, f(ctx, item) }
}
