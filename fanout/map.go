package fanout

import (
	"context"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
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
	cfg := function{"Map", onSlices}.configure(ctx, len(items), f != nil, opts)
	out, err := results(ctx, cfg, items, wrap(cfg, f))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// results runs f for every item. It returns a result for each, also beside an error:
// those that there are, and zero values.
func results[T, R any](ctx context.Context, cfg *config, items []T, f func(context.Context, T) (R, error)) ([]R, error) {
	var m lone[T, R] // filled in field by field: a copy of it costs as much as ten items
	m.f, m.items, m.out = f, items, make([]R, len(items))
	if err := ctxerr.Of(ctx); err != nil || len(items) == 0 {
		return m.out, err
	}
	m.scope = &scope{parent: ctx, forever: ctx.Done() == nil}
	m.kept = cfg.collected()
	workers := cfg.workersFor(len(items))
	if min(workers, len(items)) > 1 {
		t := m.team()
		t.claim.N, t.claim.Workers, t.claim.AtOnce = len(items), workers, true
		return m.out, t.proceed(t)
	}
	m.probe.Begin(len(items), workers)
	fault.Catch(m.run, m.ended)
	m.fault.Raise()
	if m.helped() {
		t := m.team()
		t.claim.Resume(&m.probe)
		return m.out, t.proceed(t)
	}
	return m.out, m.err
}

// mapping makes a result of each item.
type mapping[T, R any] struct {
	f     func(context.Context, T) (R, error)
	items []T
	out   []R
}

// plain runs the items from lo to hi-1, and returns the index behind the last that ran
// well, and the error of the next if that is less than hi.
func (m *mapping[T, R]) plain(s *scope, lo, hi int) (int, error) {
	f, items := m.f, m.items[lo:hi]
	out := m.out[lo:hi][:len(items)] // the compiler then sees that they are as long
	for i, item := range items {
		v, err := f(s, item)
		if err != nil {
			return lo + i, err
		}
		out[i] = v
	}
	return hi, nil
}

// watched is plain that stops, without an error, at a signal of heed or more, or when
// caller, unless that is nil, is done.
func (m *mapping[T, R]) watched(caller context.Context, s *scope, lo, hi int, signal *atomic.Uint32, heed stream.Signal) (int, error) {
	f, items := m.f, m.items[lo:hi]
	out := m.out[lo:hi][:len(items)]
	for i, item := range items {
		if signal.Load() >= heed || caller != nil && caller.Err() != nil {
			return lo + i, nil
		}
		v, err := f(s, item)
		if err != nil {
			return lo + i, err
		}
		out[i] = v
	}
	return hi, nil
}

// team is a mapping by several workers. It is its own body.
type team[T, R any] struct {
	run
	mapping[T, R]
}

// some is [body].
func (t *team[T, R]) some(lo, hi int, heed stream.Signal) (int, error) {
	signal, caller := t.signals()
	return t.watched(caller, t.scope, lo, hi, signal, heed)
}
