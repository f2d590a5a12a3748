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
		"budget": retry.New(retry.Spend(retry.NewBudget(0.1, 3)), retry.MaxElapsed(time.Hour)),
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

func TestARetryWithoutAPauseAllocatesOneObject(t *testing.T) {
	p := constant(0)
	n := 0
	flaky := func(context.Context) error {
		if n++; n%2 == 1 {
			return errBoom
		}
		return nil
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _ = p.Do(context.Background(), flaky) }), 3.0)
}
