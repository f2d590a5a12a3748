package retry

import "context"

// Do is [Policy.Do] for a function with a result. On an error the result is the
// zero value and means nothing.
func Do[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error)) (T, error) {
	if p.unusual(ctx) {
		return loop(ctx, p, fn)
	}
	// As in Policy.Do.
	v, err := fn(ctx)
	if err == nil {
		return v, nil
	}
	call := Call{policy: p, ctx: ctx}
	for call.next(err) {
		if v, err = fn(call.Context()); err == nil {
			return v, nil
		}
	}
	var none T
	return none, call.err
}

func loop[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error)) (T, error) {
	call := p.Begin(ctx)
	defer call.End()
	for call.err == nil {
		if v, err := fn(call.Context()); !call.Next(err) && call.err == nil {
			return v, nil
		}
	}
	var none T
	return none, call.err
}
