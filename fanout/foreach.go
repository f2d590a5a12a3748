package fanout

import "context"

// ForEach calls f for every item. It stops, fails and panics as [Map] does.
func ForEach[T any](ctx context.Context, items []T, f func(context.Context, T) error, opts ...Option) error {
	cfg := function{"ForEach", onSlices}.configure(ctx, len(items), f != nil, opts)
	_, err := results(ctx, cfg, items, wrap(cfg, bare(f)))
	return err
}

// bare gives f a result of no size.
func bare[T any](f func(context.Context, T) error) func(context.Context, T) (struct{}, error) {
	return func(ctx context.Context, item T) (struct{}, error) { return struct{}{}, f(ctx, item) }
}
