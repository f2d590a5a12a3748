package fanout

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// State says what became of an item.
type State uint8

const (
	// Skipped items never began, because the context was done.
	Skipped State = iota
	// Done items have a Value.
	Done
	// Failed items have an Err.
	Failed
)

// String returns the name of the state.
func (s State) String() string {
	switch s {
	case Skipped:
		return "skipped"
	case Done:
		return "done"
	case Failed:
		return "failed"
	}
	return "invalid"
}

// Result is what became of one item. Its zero value is one that never began.
type Result[R any] struct {
	// Value is what f returned; it means nothing unless State is Done.
	Value R
	// Err is nil exactly if State is Done: what f returned, or why it never ran.
	Err error
	// State says which of them there is.
	State State
}

// Settle calls f for every item and returns one result an item, in their order. It
// goes on when items fail. If ctx ends, nothing more begins, and the items that
// have not begun are [Skipped], with the error of ctx. It panics as [Map] does.
func Settle[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, error), opts ...Option) []Result[R] {
	r := begin(ctx, "Settle", len(items), f != nil, opts)
	f = wrap(r.cfg, f)
	out := make([]Result[R], len(items))
	err := r.do(func(lo, hi int) (int, error) {
		stop, caller := r.signals()
		for i := lo; i < hi; i++ {
			if stop.Load() || caller != nil && caller.Err() != nil {
				return i, nil
			}
			if v, err := f(r, items[i]); err != nil {
				out[i] = Result[R]{Err: err, State: Failed}
			} else {
				out[i] = Result[R]{Value: v, State: Done}
			}
		}
		return hi, nil
	})
	if err == nil {
		return out
	}
	err = ctxerr.Of(ctx)
	for i := range out {
		if out[i].State == Skipped {
			out[i].Err = err
		}
	}
	return out
}
