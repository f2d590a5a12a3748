package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
)

func TestNothingIsAllocated(t *testing.T) {
	ctx := context.Background()
	rate := breaker.FailureRate(1, 1<<30)
	tests := []struct {
		name string
		opts []breaker.Option
	}{
		{"defaults", nil},
		{"consecutive", []breaker.Option{breaker.ConsecutiveFailures(1 << 30)}},
		{"rate over time", []breaker.Option{rate, breaker.Window(time.Minute)}},
		{"rate over the last calls", []breaker.Option{breaker.FailureRate(1, 100), breaker.CountWindow(100)}},
		{"slow", []breaker.Option{breaker.SlowCallRate(time.Minute, 1, 1<<30)}},
		{"stuck", []breaker.Option{breaker.StuckCalls(time.Minute, 10)}},
		{"counted", []breaker.Option{breaker.Counted()}},
		{"classify", []breaker.Option{breaker.Classify(breaker.DefaultOutcome)}},
		{"outcomes", []breaker.Option{breaker.On(breaker.Events{Outcome: func(context.Context, breaker.Call) {}})}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := breaker.New(tt.opts...)
			for range 200 { // the window is full
				assert.NoError(t, b.Do(ctx, succeed))
			}
			zero(t, "Do", func() { _ = b.Do(ctx, succeed) })
			zero(t, "Do of a result", func() {
				_, _ = breaker.Do(ctx, b, func(context.Context) (int, error) { return 1, nil })
			})
			zero(t, "two steps", func() {
				p, err := b.Acquire(ctx)
				if err == nil {
					p.Done(nil)
				}
			})
			zero(t, "a failure, then a success", func() {
				_ = b.Do(ctx, fail)
				_ = b.Do(ctx, succeed)
			})
			assert.Equal(t, breaker.Closed, b.State())
			b.ForceOpen(errDown)
			zero(t, "rejection", func() { _ = b.Do(ctx, succeed) })
			zero(t, "rejection of Ready", func() { _ = b.Ready() })
		})
	}
}

func TestARejectedProbeAllocatesNothing(t *testing.T) {
	b := breaker.New(breaker.Initially(breaker.HalfOpen))
	p, err := b.Acquire(t.Context())
	assert.NoError(t, err)
	zero(t, "rejection in half-open", func() { _ = b.Ready() })
	p.Cancel()
	zero(t, "a cancelled probe", func() {
		p, _ := b.Acquire(context.Background())
		p.Cancel()
	})
}

func zero(t *testing.T, what string, f func()) {
	t.Helper()
	assert.Zero(t, testing.AllocsPerRun(200, f), what)
}
