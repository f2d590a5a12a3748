package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
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
			zero(t, "two steps, the short way if there is one", func() {
				p, ok := b.QuickAcquire(ctx)
				if ok {
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

func TestWhatIsPromisedToTakeNoLockTakesNone(t *testing.T) {
	ctx := t.Context()
	full := func() *breaker.Breaker {
		b := breaker.New(breaker.Initially(breaker.HalfOpen))
		_, err := b.Acquire(ctx)
		require.NoError(t, err)
		return b
	}
	open := func() *breaker.Breaker {
		b := breaker.New()
		b.ForceOpen(errDown)
		return b
	}
	tests := []struct {
		name string
		b    *breaker.Breaker
	}{
		{"consecutive failures", breaker.New(breaker.ConsecutiveFailures(3))},
		{"a count of failures", breaker.New(breaker.FailureCount(3))},
		{"a rate over time", breaker.New(breaker.FailureRate(0.5, 20))},
		{"a rate over the last calls", breaker.New(breaker.FailureRate(0.5, 20), breaker.CountWindow(100))},
		{"slow calls", breaker.New(breaker.SlowCallRate(time.Hour, 0.5, 20))},
		{"counted", breaker.New(breaker.Counted())},
		{"classified", breaker.New(breaker.Classify(breaker.DefaultOutcome))},
		{"open", open()},
		{"half-open without a free probe", full()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 100 { // the window is full
				_ = tt.b.Do(ctx, succeed)
			}
			done := make(chan struct{})
			breaker.WhileLocked(tt.b, func() {
				go func() {
					defer close(done)
					for range 10 {
						_ = tt.b.Do(ctx, succeed)
						_, _ = breaker.Do(ctx, tt.b, func(context.Context) (int, error) { return 1, nil })
						if p, err := tt.b.Acquire(ctx); err == nil {
							p.Done(nil)
						}
						_, _, _ = tt.b.Ready(), tt.b.State(), tt.b.RetryAfter()
					}
				}()
				select {
				case <-done:
				case <-time.After(10 * time.Second):
					t.Error("waits for the lock")
				}
			})
			<-done
		})
	}
}

func TestASuccessOfAHealthyBreakerWritesNothing(t *testing.T) {
	ctx := context.Background()
	for name, opts := range map[string][]breaker.Option{
		"consecutive failures":       {breaker.ConsecutiveFailures(3)},
		"a count of failures":        {breaker.FailureCount(3)},
		"a rate over the last calls": {breaker.FailureRate(0.5, 20), breaker.CountWindow(100)},
	} {
		t.Run(name, func(t *testing.T) {
			b := breaker.New(opts...)
			for range 100 { // the window is full
				_ = b.Do(ctx, succeed)
			}
			before := testkit.Memory(b)
			for range 10 {
				_ = b.Do(ctx, succeed)
				_, _ = breaker.Do(ctx, b, func(context.Context) (int, error) { return 1, nil })
				if p, err := b.Acquire(ctx); err == nil {
					p.Done(nil)
				}
				_, _ = b.Ready(), b.State()
			}
			assert.Equal(t, before, testkit.Memory(b))
			_ = b.Do(ctx, fail)
			assert.NotEqual(t, before, testkit.Memory(b), "a failure does")
		})
	}
}
