package fanout

import (
	"context"
	"runtime"

	"github.com/weirkit/weir/internal/stream"
)

// reduceSegments is how many segments a worker gets in the first round of Reduce,
// so that one slow segment does not make all wait.
const reduceSegments = 8

// Reduce combines the items to one: f(f(a, b), c) and so on, as if from left to
// right. Several calls run at once, so f must be associative, but it need not be
// commutative: what it gets as a always comes before b. Strings may be joined,
// matrices multiplied, sorted runs merged.
//
// One item is the result itself. Without items there is no result, and the error is
// [ErrEmpty]. Reduce stops, fails and panics as [Map] does; the index of an
// [ItemError] is that of the first item in b. [Progress] counts the calls of f, of which there are one
// less than items.
func Reduce[T any](ctx context.Context, items []T, f func(ctx context.Context, a, b T) (T, error), opts ...Option) (T, error) {
	var none T
	check(ctx, "Reduce", f != nil)
	cfg := newConfig(function{"Reduce", onOutcomes}, opts, max(len(items)-1, 0))
	if cfg.wraps() {
		f = wrapPair(cfg, f)
	}
	segment, span := firstSegment(cfg, len(items)), 1 // a part stands for span items
	if cfg.threshold > 0 {
		cfg.threshold = 0 // it is about items, and a round about segments
	}
	for parts, first := items, true; ; first = false {
		if len(parts) == 1 && !first {
			return parts[0], nil
		}
		r := &round[T]{f: f, parts: parts, segment: segment, span: span}
		var err error
		if parts, err = r.reduce(ctx, cfg); err != nil {
			return none, err
		}
		if len(parts) == 0 {
			return none, ErrEmpty
		}
		// What is left is little, but each call may be dear: pairs let most of them
		// run at once.
		span, segment = span*segment, 2
	}
}

// firstSegment is how many of n items make a part in the first round.
func firstSegment(cfg *config, n int) int {
	workers := cfg.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if workers == 1 || n < cfg.threshold {
		return max(n, 1)
	}
	return max(n/(workers*reduceSegments), 2)
}

func wrapPair[T any](cfg *config, f func(ctx context.Context, a, b T) (T, error)) func(ctx context.Context, a, b T) (T, error) {
	call := wrap(cfg, func(ctx context.Context, p [2]T) (T, error) { return f(ctx, p[0], p[1]) })
	return func(ctx context.Context, a, b T) (T, error) { return call(ctx, [2]T{a, b}) }
}

// round makes one part of each segment of several parts.
type round[T any] struct {
	run
	f       func(ctx context.Context, a, b T) (T, error)
	parts   []T
	out     []T
	segment int
	span    int
}

func (r *round[T]) reduce(ctx context.Context, cfg *config) ([]T, error) {
	n := (len(r.parts) + r.segment - 1) / r.segment
	r.out = make([]T, n)
	r.prepare(ctx, n, cfg)
	if err := r.do(r); err != nil {
		return nil, err
	}
	return r.out, nil
}

// some is [body].
func (r *round[T]) some(lo, hi int, heed stream.Signal) (int, error) {
	signal := r.claim.Signal()
	for i := lo; i < hi; i++ {
		if signal.Load() >= heed || !r.one(i) {
			return i, nil
		}
	}
	return hi, nil
}

// one combines segment i, and reports whether it got to the end.
func (r *round[T]) one(i int) bool {
	signal, caller := r.signals()
	f, parts, lo := r.f, r.parts, i*r.segment
	acc := parts[lo]
	for j := lo + 1; j < min(lo+r.segment, len(parts)); j++ {
		if signal.Load() == stream.Stop || caller != nil && caller.Err() != nil {
			return false
		}
		var err error
		if acc, err = f(r, acc, parts[j]); err != nil {
			r.claim.Stop()
			r.record.fail(r.scope, j*r.span, err) // the item's index, not the segment's
			return false
		}
	}
	r.out[i] = acc
	return true
}
