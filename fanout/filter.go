package fanout

import "context"

// Filter calls keep for every item and returns those for which it said true, in
// their order. It stops, fails and panics as [Map] does.
func Filter[T any](ctx context.Context, items []T, keep func(context.Context, T) (bool, error), opts ...Option) ([]T, error) {
	cfg := function{"Filter", onSlices}.configure(ctx, len(items), keep != nil, opts)
	return picks(ctx, cfg, items, func(ctx context.Context, item T) (picked[T], error) {
		ok, err := keep(ctx, item)
		return picked[T]{item, ok}, err
	})
}

// FilterMap calls f for every item and returns the results that it said true for,
// in the order of the items. It stops, fails and panics as [Map] does.
func FilterMap[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, bool, error), opts ...Option) ([]R, error) {
	cfg := function{"FilterMap", onSlices}.configure(ctx, len(items), f != nil, opts)
	return picks(ctx, cfg, items, func(ctx context.Context, item T) (picked[R], error) {
		v, ok, err := f(ctx, item)
		return picked[R]{v, ok}, err
	})
}

// picked is a result, and whether it is wanted.
type picked[R any] struct {
	value R
	ok    bool
}

// picks returns the wanted results.
func picks[T, R any](ctx context.Context, cfg *config, items []T, f func(context.Context, T) (picked[R], error)) ([]R, error) {
	all, err := results(ctx, cfg, items, wrap(cfg, f))
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range all {
		if all[i].ok {
			n++
		}
	}
	out := make([]R, 0, n)
	for i := range all {
		if all[i].ok {
			out = append(out, all[i].value)
		}
	}
	return out, nil
}
