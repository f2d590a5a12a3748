package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/ratelimit"
)

func TestAZeroValueSaysHowToMakeOne(t *testing.T) {
	ctx := t.Context()
	var l ratelimit.Limiter
	var b ratelimit.Batch
	var a ratelimit.Adaptive
	nothing := func(context.Context) error { return nil }
	tests := []struct {
		name, want string
		f          func()
	}{
		{"Allow", "Limiter was not made; use New", func() { l.Allow() }},
		{"AllowN", "Limiter was not made; use New", func() { l.AllowN(2) }},
		{"Wait", "Limiter was not made; use New", func() { _ = l.Wait(ctx) }},
		{"WaitN", "Limiter was not made; use New", func() { _ = l.WaitN(ctx, 2) }},
		{"QuickToken", "Limiter was not made; use New", func() { _, _ = l.QuickToken() }},
		{"WaitToken", "Limiter was not made; use New", func() { _, _ = l.WaitToken(ctx) }},
		{"WaitReserve", "Limiter was not made; use New", func() { _, _ = l.WaitReserve(ctx, 1) }},
		{"Reserve", "Limiter was not made; use New", func() { l.Reserve(1) }},
		{"Take", "Limiter was not made; use New", func() { l.Take(1) }},
		{"TakeUpTo", "Limiter was not made; use New", func() { l.TakeUpTo(1) }},
		{"Do", "Limiter was not made; use New", func() { _ = l.Do(ctx, nothing) }},
		{"SetRate", "Limiter was not made; use New", func() { l.SetRate(ratelimit.PerSecond(1)) }},
		{"SetBurst", "Limiter was not made; use New", func() { l.SetBurst(1) }},
		{"SetTokens", "Limiter was not made; use New", func() { l.SetTokens(1) }},
		{"Observe", "Limiter was not made; use New", func() { l.Observe(1, 0) }},
		{"Tokens", "Limiter was not made; use New", func() { l.Tokens() }},
		{"Rate", "Limiter was not made; use New", func() { l.Rate() }},
		{"Burst", "Limiter was not made; use New", func() { l.Burst() }},
		{"Stats", "Limiter was not made; use New", func() { l.Stats() }},
		{"At", "Limiter was not made; use New", func() { l.At(time.Now()).Allow(1) }},
		{"Batch", "Batch was not made; use NewBatch", func() { b.Allow() }},
		{"Batch.Wait", "Batch was not made; use NewBatch", func() { _ = b.Wait(ctx) }},
		{"Adaptive", "Adaptive was not made; use NewAdaptive", func() { a.Allow() }},
		{"Adaptive.Success", "Adaptive was not made; use NewAdaptive", func() { a.Success() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // no lock is left behind
				assert.PanicsWithValue(t, "ratelimit: the "+tt.want, tt.f)
			}
		})
	}
}

func TestANilIsRefusedBeforeATokenIsTaken(t *testing.T) {
	ctx := t.Context()
	l := ratelimit.New(ratelimit.PerHour(1), 1)
	a := ratelimit.NewAdaptive(ratelimit.PerHour(1), ratelimit.PerHour(2))
	b := ratelimit.NewBatch(ratelimit.PerHour(1), 2, 1)
	assert.PanicsWithValue(t, "ratelimit: fn must not be nil", func() { _ = l.Do(ctx, nil) })
	assert.PanicsWithValue(t, "ratelimit: fn must not be nil", func() { _, _ = ratelimit.Do[int](ctx, l, nil) })
	assert.PanicsWithValue(t, "ratelimit: fn must not be nil", func() { _ = a.Do(ctx, nil) })
	assert.PanicsWithValue(t, "ratelimit: fn must not be nil", func() { _ = b.Do(ctx, nil) })
	assert.True(t, l.Allow())
	assert.True(t, a.Allow())
	assert.True(t, b.Allow())

	none := "ratelimit: an option must not be nil, number 1 is; leave it out"
	assert.PanicsWithValue(t, none, func() { ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.Debt(), nil) })
	assert.PanicsWithValue(t, none, func() {
		ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(2), ratelimit.Settle(time.Second), nil)
	})
}
