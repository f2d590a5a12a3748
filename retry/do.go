package retry

import "context"

// Do is [Policy.Do] for a function with a result. On an error the result is the
// zero value and means nothing, unless it is that of a [Fallback]. The options
// do what needs a result: [Fallback] and [Discard].
func Do[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error), opts ...ResultOption[T]) (T, error) {
	switch {
	case len(opts) > 0 || p.Hedged():
		return newResults(fn, opts).do(ctx, p)
	case fn == nil || p.unusual(ctx):
		return loop(ctx, p, fn)
	}
	// As in Policy.Do.
	v, err := fn(ctx)
	if err == nil {
		return v, nil
	}
	call := Call{policy: p, ctx: ctx}
	for call.next(err) {
		v, err = fn(call.Context())
	}
	return result(v, call.err)
}

func loop[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error)) (v T, err error) {
	mustHave(fn != nil)
	call := p.Begin(ctx)
	defer call.End()
	for call.err == nil {
		v, err = fn(call.Context())
		if !call.Next(err) {
			break
		}
	}
	return result(v, call.err)
}

// result returns v, or nothing beside an error.
func result[T any](v T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}
