package retry

import "context"

// Do is [Policy.Do] for a function with a result. On an error the result is the
// zero value and means nothing.
func Do[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error)) (T, error) {
	var none T
	call := p.Begin(ctx)
	if call.err != nil {
		return none, call.err
	}
	defer call.End()
	for {
		v, err := fn(call.cur)
		if call.Next(err) {
			continue
		}
		if call.err != nil {
			return none, call.err
		}
		return v, nil
	}
}
