package fanout

import "context"

// Filter calls keep for every item and returns those for which it said true, in
// their order. It stops, fails and panics as [Map] does.
func Filter[T any](ctx context.Context, items []T, keep func(context.Context, T) (bool, error), opts ...Option) ([]T, error) {
	r := begin(ctx, "Filter", len(items), keep != nil, opts)
	kept, err := pick(r, items, func(ctx context.Context, item T) (picked[T], error) {
		ok, err := keep(ctx, item)
		return picked[T]{item, ok}, err
	})
	return kept, err
}

// FilterMap calls f for every item and returns the results that it said true for,
// in the order of the items. It stops, fails and panics as [Map] does.
func FilterMap[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, bool, error), opts ...Option) ([]R, error) {
	r := begin(ctx, "FilterMap", len(items), f != nil, opts)
	return pick(r, items, func(ctx context.Context, item T) (picked[R], error) {
		v, ok, err := f(ctx, item)
		return picked[R]{v, ok}, err
	})
}

// picked is a result, and whether it is wanted.
type picked[R any] struct {
	value R
	ok    bool
}

// pick returns the wanted results.
func pick[T, R any](r *run, items []T, f func(context.Context, T) (picked[R], error)) ([]R, error) {
	f = wrap(r.cfg, f)
	all := make([]R, len(items))
	wanted := make([]bool, len(items))
	err := r.do(func(lo, hi int) (int, error) {
		stop, caller := r.signals()
		for i := lo; i < hi; i++ {
			if stop.Load() || caller != nil && caller.Err() != nil {
				return i, nil
			}
			p, err := f(r, items[i])
			if err != nil {
				return i, err
			}
			if p.ok {
				all[i], wanted[i] = p.value, true
			}
		}
		return hi, nil
	})
	if err != nil {
		return nil, err
	}
	n := 0
	for i, ok := range wanted {
		if ok {
			all[n] = all[i]
			n++
		}
	}
	clear(all[n:]) // what is not wanted must not be kept alive
	return all[:n:n], nil
}
