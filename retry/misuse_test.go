package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

func TestANilFunctionPanicsAndCountsNothing(t *testing.T) {
	const want = "retry: fn must not be nil"
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, opts := range [][]retry.Option{
		nil,
		{retry.Counted(), retry.AttemptTimeout(time.Hour), retry.Spend(retry.NewBudget(0.1, 1))},
		{retry.Counted(), retry.Hedge(time.Hour)},
	} {
		p := retry.New(opts...)
		before := p.Stats()
		for _, ctx := range []context.Context{t.Context(), done} {
			assert.PanicsWithValue(t, want, func() { _ = p.Do(ctx, nil) })
			assert.PanicsWithValue(t, want, func() { _, _ = retry.Do[int](ctx, p, nil) })
			assert.PanicsWithValue(t, want, func() { _, _ = retry.Do(ctx, p, nil, retry.Discard(func(int) {})) })
		}
		assert.Equal(t, before, p.Stats())
	}
}

func TestANilOptionPanics(t *testing.T) {
	const want = "retry: an option must not be nil, number 1 is; leave it out"
	assert.PanicsWithValue(t, want, func() { retry.New(retry.Counted(), nil) })
	assert.PanicsWithValue(t, want, func() {
		_, _ = retry.Do(t.Context(), retry.New(), func(context.Context) (int, error) { return 1, nil }, retry.Discard(func(int) {}), nil)
	})
}

func TestAZeroValuePanicsAndSaysHowToMakeOne(t *testing.T) {
	const want = "retry: the zero Policy is not usable, make one with New"
	ran := false
	work := func(context.Context) (int, error) { ran = true; return 0, nil }
	for name, f := range map[string]func(*retry.Policy){
		"Do":     func(p *retry.Policy) { _ = p.Do(t.Context(), func(context.Context) error { ran = true; return nil }) },
		"Do[T]":  func(p *retry.Policy) { _, _ = retry.Do(t.Context(), p, work) },
		"result": func(p *retry.Policy) { _, _ = retry.Do(t.Context(), p, work, retry.Discard(func(int) {})) },
		"Begin":  func(p *retry.Policy) { p.Begin(t.Context()) },
		"Resume": func(p *retry.Policy) { p.Resume(t.Context(), errBoom) },
		"String": func(p *retry.Policy) { _ = p.String() },
	} {
		assert.PanicsWithValue(t, want, func() { f(new(retry.Policy)) }, name)
	}
	assert.False(t, ran)
	assert.PanicsWithValue(t, "retry: Spend needs a budget, got nil or a zero one; make one with NewBudget", func() { retry.Spend(new(retry.Budget)) })
}
