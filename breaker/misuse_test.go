package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
)

func TestANilFunctionPanicsAndCountsNothing(t *testing.T) {
	const want = "breaker: fn must not be nil"
	states := map[string]func(*breaker.Breaker){
		"closed":    func(*breaker.Breaker) {},
		"open":      func(b *breaker.Breaker) { b.ForceOpen(nil) },
		"half-open": func(b *breaker.Breaker) { b.ForceOpen(nil); b.Resume() },
		"failing":   func(b *breaker.Breaker) { _ = b.Do(context.Background(), fail) },
	}
	for name, prepare := range states {
		for _, opts := range [][]breaker.Option{
			{breaker.ConsecutiveFailures(2)},
			{breaker.ConsecutiveFailures(2), breaker.FailureRate(0.5, 2), breaker.Counted()},
		} {
			t.Run(name, func(t *testing.T) {
				b := breaker.New(opts...)
				prepare(b)
				before := b.Stats()
				for range 3 {
					assert.PanicsWithValue(t, want, func() { _ = b.Do(t.Context(), nil) })
					assert.PanicsWithValue(t, want, func() { _, _ = breaker.Do[int](t.Context(), b, nil) })
				}
				assert.Equal(t, before, b.Stats())
			})
		}
	}
	k := breaker.NewKeyed[int]()
	assert.PanicsWithValue(t, want, func() { _ = k.Do(t.Context(), 1, nil) })
}

func TestAZeroValuePanicsAndSaysHowToMakeOne(t *testing.T) {
	const want = "breaker: the zero Breaker is not usable, make one with New"
	ran := false
	work := func(context.Context) error { ran = true; return nil }
	for name, f := range map[string]func(*breaker.Breaker){
		"Do": func(b *breaker.Breaker) { _ = b.Do(t.Context(), work) },
		"Do[T]": func(b *breaker.Breaker) {
			_, _ = breaker.Do(t.Context(), b, func(context.Context) (int, error) { return 0, work(t.Context()) })
		},
		"Acquire":   func(b *breaker.Breaker) { _, _ = b.Acquire(t.Context()) },
		"Ready":     func(b *breaker.Breaker) { _ = b.Ready() },
		"Stats":     func(b *breaker.Breaker) { b.Stats() },
		"String":    func(b *breaker.Breaker) { _ = b.String() },
		"ForceOpen": func(b *breaker.Breaker) { b.ForceOpen(nil) },
		"Disable":   func(b *breaker.Breaker) { b.Disable() },
		"Resume":    func(b *breaker.Breaker) { b.Resume() },
		"Reset":     func(b *breaker.Breaker) { b.Reset() },
		"SetRules":  func(b *breaker.Breaker) { b.SetRules() },
	} {
		assert.PanicsWithValue(t, want, func() { f(new(breaker.Breaker)) }, name)
	}
	assert.False(t, ran)
	assert.PanicsWithValue(t, "breaker: the zero Keyed is not usable, make one with NewKeyed", func() {
		new(breaker.Keyed[int]).Breaker(1)
	})
}

func TestTheShortestStuckAgeKeepsTheTimerSlow(t *testing.T) {
	b := breaker.New(breaker.StuckCalls(time.Millisecond, 1))
	assert.NoError(t, b.Do(t.Context(), succeed))
	assert.GreaterOrEqual(t, breaker.Step(b), time.Millisecond/8)
}
