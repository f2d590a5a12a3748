package ratelimit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
)

func TestDecisionsAllocateNothing(t *testing.T) {
	plenty := ratelimit.New(ratelimit.PerSecond(1e9), 1<<30)
	empty := ratelimit.New(ratelimit.PerHour(1), 1)
	empty.Allow()
	counted := ratelimit.New(ratelimit.PerSecond(1e9), 1<<30, ratelimit.Counted())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	call := func(context.Context) error { return nil }
	typed := func(context.Context) (int, error) { return 1, nil }
	tests := []struct {
		name string
		f    func()
	}{
		{"Allow", func() { plenty.Allow() }},
		{"AllowN", func() { plenty.AllowN(3) }},
		{"Allow, counted", func() { counted.Allow() }},
		{"Allow, denied", func() { empty.Allow() }},
		{"Take", func() { plenty.Take(2) }},
		{"Take, denied", func() { empty.Take(1) }},
		{"TakeUpTo", func() { plenty.TakeUpTo(2) }},
		{"Wait, tokens there", func() { _ = plenty.Wait(ctx) }},
		{"WaitN, tokens there", func() { _ = plenty.WaitN(ctx, 2) }},
		{"WaitReserve", func() { r, _ := plenty.WaitReserve(ctx, 2); r.Cancel() }},
		{"QuickToken", func() { tok, _ := plenty.QuickToken(); tok.Cancel() }},
		{"WaitToken", func() { tok, _ := plenty.WaitToken(ctx); tok.Cancel() }},
		{"Reserve and Cancel", func() { r := plenty.Reserve(2); r.Cancel() }},
		{"Reserve and Cancel, with a delay", func() { r := empty.Reserve(1); r.Cancel() }},
		{"Do", func() { _ = plenty.Do(ctx, call) }},
		{"Do[T]", func() { _, _ = ratelimit.Do(ctx, plenty, typed) }},
		{"Tokens", func() { plenty.Tokens() }},
		{"Stats", func() { plenty.Stats() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Zero(t, testing.AllocsPerRun(200, tt.f))
		})
	}
}

// A denial writes nothing, so that denials from many cores do not slow each other.
func TestADenialWritesNothing(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 3)
	require.True(t, l.AllowN(2))
	cell := ratelimit.Cell(l)
	before := testkit.Memory(l) + testkit.Memory(cell)
	for range 10 {
		assert.False(t, l.AllowN(2))
		assert.False(t, l.Take(2).OK)
		_ = l.Tokens()
	}
	assert.Same(t, cell, ratelimit.Cell(l))
	assert.Equal(t, before, testkit.Memory(l)+testkit.Memory(cell))
	require.True(t, l.Allow())
	assert.NotEqual(t, before, testkit.Memory(l)+testkit.Memory(cell), "a grant does")
	before = testkit.Memory(l) + testkit.Memory(cell)
	assert.False(t, l.Allow())
	assert.Equal(t, before, testkit.Memory(l)+testkit.Memory(cell))
}
