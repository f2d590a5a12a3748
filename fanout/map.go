package fanout

import "context"

// Map calls f for every item and returns the results in the order of the items.
// The first error stops it: nothing more begins, the context of those that run is
// cancelled, and they are waited for. Then there are no results, and the error is
// an *[ItemError] with the lowest index among those that failed by themselves; or
// the error of ctx, if that is why it stopped.
//
// When Map returns, no call of f still runs and none will begin. The context that
// f gets has then ended: do not keep results that depend on it. If f panics, the
// others are cancelled and waited for, and Map panics with a *[PanicError]; if it
// calls runtime.Goexit, so does Map.
//
// A ctx that is done runs nothing. Items may run on the calling goroutine; see
// [Workers] for how many run at once.
func Map[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, error), opts ...Option) ([]R, error) {
	r := begin(ctx, "Map", len(items), f != nil, opts)
	f = wrap(r.cfg, f)
	out := make([]R, len(items))
	err := r.do(func(lo, hi int) (int, error) {
		stop, caller := r.signals()
		for i := lo; i < hi; i++ {
			if stop.Load() || caller != nil && caller.Err() != nil {
				return i, nil
			}
			v, err := f(r, items[i])
			if err != nil {
				return i, err
			}
			out[i] = v
		}
		return hi, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
