package wrapper_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestASuccessfulCallAllocatesNothing(t *testing.T) {
	parts := func() []wrapper.Layer {
		return []wrapper.Layer{retry.New(), breaker.New(), ratelimit.New(ratelimit.PerSecond(1_000_000_000), 1_000_000), semaphore.New(4)}
	}
	tests := []struct {
		name   string
		layers []wrapper.Layer
		want   float64
	}{
		{"no layer", nil, 0},
		{"retry, breaker, limiter, semaphore", parts(), 0},
		{"nested", []wrapper.Layer{wrapper.Compose(parts()...)}, 0},
		{"another order", []wrapper.Layer{semaphore.New(4), retry.New(), breaker.New(), semaphore.New(4)}, 0},
		{"two limiters behind a breaker", []wrapper.Layer{breaker.New(), parts()[2], parts()[2]}, 1},
		{"several limits alone", []wrapper.Layer{ratelimit.All(ratelimit.New(ratelimit.PerSecond(1_000_000_000), 1_000_000))}, 0},
		{"an adaptive semaphore", []wrapper.Layer{breaker.New(), semaphore.NewAdaptive(4, 4)}, 0},
		{"for each key", []wrapper.Layer{
			wrapper.PerKey(breaker.NewKeyed[string]()), wrapper.PerKey(ratelimit.NewKeyed[string](ratelimit.PerSecond(1_000_000_000), 1_000_000)),
			wrapper.PerKey(semaphore.NewKeyed[string](4)),
		}, 0},
		{"a wrapper for each key", []wrapper.Layer{semaphore.New(4), wrapper.PerKey(wrapper.NewKeyed(func(string) []wrapper.Layer { return parts() }))}, 0},
		{"recover", []wrapper.Layer{wrapper.Recover(), semaphore.New(1), wrapper.Recover()}, 0},
		{"with a timeout", append([]wrapper.Layer{wrapper.Timeout(time.Hour)}, parts()...), 1},
		{"with two timeouts", append(append([]wrapper.Layer{wrapper.Timeout(time.Hour)}, parts()...), wrapper.AttemptTimeout(time.Minute)), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := wrapper.Compose(tt.layers...)
			ctx := wrapper.WithOverride(context.Background(), wrapper.Override{Key: "k"})
			typed := func(context.Context) (string, error) { return "result", nil }
			assert.InDelta(t, tt.want, testing.AllocsPerRun(1000, func() { _, _ = wrapper.Do(ctx, w, typed) }), 0.01, "Do[T]")
			assert.InDelta(t, tt.want, testing.AllocsPerRun(1000, func() { _ = w.Do(ctx, nothing) }), 0.01, "Do")
			ctx = context.Background() // without a key
			assert.InDelta(t, tt.want, testing.AllocsPerRun(1000, func() { _, _ = wrapper.Do(ctx, w, typed) }), 0.01, "Do[T]")
			assert.InDelta(t, tt.want, testing.AllocsPerRun(1000, func() { _ = w.Do(ctx, nothing) }), 0.01, "Do")
		})
	}
}
