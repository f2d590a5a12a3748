package fanout

import "context"

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
	cfg := function{"Settle", onOutcomes}.configure(ctx, len(items), f != nil, opts)
	call := wrap(cfg, f)
	out, err := results(ctx, cfg, items, func(ctx context.Context, item T) (Result[R], error) {
		v, err := call(ctx, item)
		if err != nil {
			return Result[R]{Err: err, State: Failed}, nil
		}
		return Result[R]{Value: v, State: Done}, nil
	})
	if err == nil {
		return out
	}
	for i := range out { // no item failed: the context is why
		if out[i].State == Skipped {
			out[i].Err = err
		}
	}
	return out
}
