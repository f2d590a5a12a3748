package pipeline

import (
	"context"
	"errors"

	"github.com/weirkit/weir/internal/slot"
)

// guarded puts the stage's Guard and Timeout around f.
func guarded[I, O any](c *config, f Stage[I, O]) Stage[I, O] {
	if layer := c.guard; layer != nil {
		bare := f
		f = func(ctx context.Context, in I) (O, error) {
			return slot.Do(ctx, layer, func(ctx context.Context) (O, error) { return bare(ctx, in) })
		}
	}
	if d := c.timeout; d > 0 {
		unbounded := f
		f = func(ctx context.Context, in I) (O, error) {
			inner, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			out, err := unbounded(inner, in)
			if err != nil && inner.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				err = &timeoutError{err}
			}
			return out, err
		}
	}
	return f
}
