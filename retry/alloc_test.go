package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

func succeed(context.Context) error { return nil }

func TestACallThatSucceedsAtOnceAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	for name, p := range map[string]*retry.Policy{
		"plain":  retry.New(),
		"budget": retry.New(retry.Spend(retry.NewBudget(0.1, 3)), retry.MaxElapsed(time.Hour), retry.Counted()),
	} {
		assert.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, succeed) }), name)
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			_, _ = retry.Do(ctx, p, func(context.Context) (string, error) { return "yes", nil })
		}), name)
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			call := p.Begin(ctx)
			defer call.End()
			for call.Next(succeed(call.Context())) {
			}
		}), name)
	}
}

func TestACallThatMustNotBeRetriedAllocatesNothing(t *testing.T) {
	p, err := retry.New(), retry.Permanent(errBoom)
	fails := func(context.Context) error { return err }
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(t.Context(), fails) }))
}

func TestARetryAllocatesOneObjectAndItsTimer(t *testing.T) {
	n := 0
	flaky := func(context.Context) error {
		if n++; n%2 == 1 {
			return errBoom
		}
		return nil
	}
	p := constant(0)
	assert.InDelta(t, 1, testing.AllocsPerRun(1000, func() { _ = p.Do(t.Context(), flaky) }), 0, "no pause, no timer")
	p = constant(1)
	timer := testing.AllocsPerRun(1000, func() { <-time.NewTimer(1).C })
	assert.InDelta(t, 1+timer, testing.AllocsPerRun(1000, func() { _ = p.Do(t.Context(), flaky) }), 0)
}

func TestAFirstAttemptInsideARetryAllocatesTheObjectThatHidesIt(t *testing.T) {
	p := retry.New()
	_ = constant(0).Do(t.Context(), func(ctx context.Context) error {
		want := 0.0
		if retry.Attempt(ctx) > 1 {
			want = 1
		}
		assert.InDelta(t, want, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, succeed) }), 0)
		if want == 0 {
			return errBoom
		}
		return nil
	})
}
