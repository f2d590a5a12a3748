package fanout

import (
	"context"

	"github.com/weirkit/weir/internal/stream"
)

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
	m := &mapping[T, R]{}
	m.begin(ctx, function{"Map", onSlices}, len(items), f != nil, opts)
	return m.results(items, wrap(m.cfg, f))
}

// mapping is a run that makes a result of each item. It is its own body: on some
// small items a closure more would cost a tenth of the call.
type mapping[T, R any] struct {
	run
	f     func(context.Context, T) (R, error)
	items []T
	out   []R
}

// results runs f for every item, and returns the results or the error.
func (m *mapping[T, R]) results(items []T, f func(context.Context, T) (R, error)) ([]R, error) {
	m.items, m.f, m.out = items, f, make([]R, len(items))
	if err := m.do(m); err != nil {
		return nil, err
	}
	return m.out, nil
}

// some is [body].
func (m *mapping[T, R]) some(lo, hi int, heed stream.Signal) (int, error) {
	items, f := m.items[lo:hi], m.f
	out := m.out[lo:hi][:len(items)] // the compiler then sees that they are as long
	signal, caller := m.signals()
	ctx := context.Context(&m.scope)
	if caller == nil && m.claim.Alone() {
		// Nobody could stop it but this loop, and to look costs a third of a small item.
		for i, item := range items {
			v, err := f(ctx, item)
			if err != nil {
				return lo + i, err
			}
			out[i] = v
		}
		return hi, nil
	}
	for i, item := range items {
		if signal.Load() >= heed || caller != nil && caller.Err() != nil {
			return lo + i, nil
		}
		v, err := f(ctx, item)
		if err != nil {
			return lo + i, err
		}
		out[i] = v
	}
	return hi, nil
}
