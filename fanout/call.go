package fanout

import (
	"context"
	"slices"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/slot"
)

// wrap puts around f what the options ask for: from the outside progress,
// panics as errors, timeout, guards. Without them it returns f itself.
func wrap[T, R any](c *config, f func(context.Context, T) (R, error)) func(context.Context, T) (R, error) {
	for _, layer := range slices.Backward(c.guards) {
		f = guarded(layer, f)
	}
	if c.limit != nil {
		f = timed(c, f)
	}
	if c.recovers {
		f = recovered(f)
	}
	if c.progress != nil {
		f = counted(c.progress, f)
	}
	return f
}

func guarded[T, R any](layer Layer, f func(context.Context, T) (R, error)) func(context.Context, T) (R, error) {
	return func(ctx context.Context, item T) (R, error) {
		return slot.Do(ctx, layer, func(ctx context.Context) (R, error) { return f(ctx, item) })
	}
}

func timed[T, R any](c *config, f func(context.Context, T) (R, error)) func(context.Context, T) (R, error) {
	return func(ctx context.Context, item T) (R, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, c.limit.after, c.limit)
		defer cancel()
		v, err := f(ctx, item)
		if err != nil && context.Cause(ctx) == error(c.limit) { //nolint:errorlint // identity: of several timeouts, ours
			err = &timedOut{c.limit, err} // whatever it says: a connection that was closed, say
		}
		return v, err
	}
}

func recovered[T, R any](f func(context.Context, T) (R, error)) func(context.Context, T) (R, error) {
	return func(ctx context.Context, item T) (v R, err error) {
		returned := false
		defer func() {
			if returned {
				return
			}
			// A Goexit recovers as nil and goes on.
			if p := recover(); p != nil {
				err = fault.Panicked(p)
			}
		}()
		v, err = f(ctx, item)
		returned = true
		return v, err
	}
}

func counted[T, R any](p *progress, f func(context.Context, T) (R, error)) func(context.Context, T) (R, error) {
	return func(ctx context.Context, item T) (R, error) {
		v, err := f(ctx, item)
		p.add()
		return v, err
	}
}
