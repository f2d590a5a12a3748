package semaphore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/semaphore"
)

func TestAZeroValueSaysHowItIsMade(t *testing.T) {
	const fix = "semaphore: a Semaphore must be made by New, this one is a zero value"
	for name, do := range map[string]func(s *semaphore.Semaphore){
		"Acquire":         func(s *semaphore.Semaphore) { _ = s.Acquire(t.Context(), 1) },
		"Acquire 0":       func(s *semaphore.Semaphore) { _ = s.Acquire(t.Context(), 0) },
		"AcquirePriority": func(s *semaphore.Semaphore) { _ = s.AcquirePriority(t.Context(), 1, 1) },
		"AcquireAll":      func(s *semaphore.Semaphore) { _, _ = s.AcquireAll(t.Context()) },
		"TryAcquire 0":    func(s *semaphore.Semaphore) { s.TryAcquire(0) },
		"TryAcquireAll":   func(s *semaphore.Semaphore) { s.TryAcquireAll() },
		"Release":         func(s *semaphore.Semaphore) { s.Release(1) },
		"ReleaseAll":      func(s *semaphore.Semaphore) { s.ReleaseAll() },
		"Do":              func(s *semaphore.Semaphore) { _ = s.Do(t.Context(), func(context.Context) error { return nil }) },
		"SetLimit":        func(s *semaphore.Semaphore) { s.SetLimit(1) },
		"Close":           func(s *semaphore.Semaphore) { s.Close() },
		"Held":            func(s *semaphore.Semaphore) { s.Held() },
		"Available":       func(s *semaphore.Semaphore) { s.Available() },
		"Stats":           func(s *semaphore.Semaphore) { s.Stats() },
	} {
		assert.PanicsWithValue(t, fix, func() { do(new(semaphore.Semaphore)) }, name)
	}
}

func TestAZeroKeyedOrAdaptiveSaysHowItIsMade(t *testing.T) {
	const keyed = "semaphore: a Keyed must be made by NewKeyed, this one is a zero value"
	const adaptive = "semaphore: an Adaptive must be made by NewAdaptive, this one is a zero value"
	fn := func(context.Context) error { return nil }
	typed := func(context.Context) (int, error) { return 0, nil }
	var k semaphore.Keyed[string]
	var a semaphore.Adaptive
	tests := []struct {
		name, fix string
		do        func()
	}{
		{"Keyed.Acquire", keyed, func() { _ = k.Acquire(t.Context(), "a", 1) }},
		{"Keyed.TryAcquire", keyed, func() { k.TryAcquire("a", 1) }},
		{"Keyed.Release", keyed, func() { k.Release("a", 1) }},
		{"Keyed.Do", keyed, func() { _ = k.Do(t.Context(), "a", fn) }},
		{"Adaptive.Do", adaptive, func() { _ = a.Do(t.Context(), fn) }},
		{"DoAdaptive", adaptive, func() { _, _ = semaphore.DoAdaptive(t.Context(), &a, typed) }},
		{"Adaptive.Acquire", adaptive, func() { _, _ = a.Acquire(t.Context()) }},
		{"Adaptive.TryAcquire", adaptive, func() { a.TryAcquire() }},
		{"Adaptive.Enter", adaptive, func() { _, _ = a.Enter(t.Context(), 0) }},
		{"Adaptive.Limit", adaptive, func() { a.Limit() }},
		{"Adaptive.Stats", adaptive, func() { a.Stats() }},
		{"Adaptive.Close", adaptive, func() { a.Close() }},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.fix, tt.do, tt.name)
	}
}

func TestANilFuncOrOptionPanicsWithTheFix(t *testing.T) {
	s := semaphore.New(1)
	k := semaphore.NewKeyed[string](1)
	a := semaphore.NewAdaptive(1, 1)
	const noFn = "semaphore: fn must not be nil"
	tests := []struct {
		name, fix string
		do        func()
	}{
		{"Do", noFn, func() { _ = s.Do(t.Context(), nil) }},
		{"Do[T]", noFn, func() { _, _ = semaphore.Do[int](t.Context(), s, nil) }},
		{"Keyed.Do", noFn, func() { _ = k.Do(t.Context(), "a", nil) }},
		{"Adaptive.Do", noFn, func() { _ = a.Do(t.Context(), nil) }},
		{"DoAdaptive", noFn, func() { _, _ = semaphore.DoAdaptive[int](t.Context(), a, nil) }},
		{"New", "semaphore: option 2 of New must not be nil: leave it out", func() { semaphore.New(1, semaphore.FIFO(), nil) }},
		{"NewKeyed", "semaphore: option 1 of NewKeyed must not be nil: leave it out", func() { semaphore.NewKeyed[int](1, nil) }},
		{"NewAdaptive", "semaphore: option 1 of NewAdaptive must not be nil: leave it out", func() { semaphore.NewAdaptive(1, 2, nil) }},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.fix, tt.do, tt.name)
	}
	requireState(t, s, 0, 0)
}

// Acquiring nothing is an acquisition like any other to Stats.
func TestAcquisitionsOfNothingAreCounted(t *testing.T) {
	s := semaphore.New(1, semaphore.Counted())
	assert.NoError(t, s.Acquire(t.Context(), 0))
	assert.True(t, s.TryAcquire(0))
	assert.NoError(t, s.AcquirePriority(t.Context(), 0, 1))
	assert.EqualValues(t, 3, s.Stats().Acquired)

	k := semaphore.NewKeyed[string](1, semaphore.Counted())
	assert.NoError(t, k.Acquire(t.Context(), "a", 0))
	assert.True(t, k.TryAcquire("a", 0))
	assert.NoError(t, k.AcquirePriority(t.Context(), "a", 0, 1))
	assert.EqualValues(t, 3, k.Stats().Acquired)
}
