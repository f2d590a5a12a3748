package breaker_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

// collected reports whether what ref points to is gone after a few collections.
func collected[T any](ref weak.Pointer[T]) bool {
	for range 20 {
		runtime.GC()
		if ref.Value() == nil {
			return true
		}
	}
	return false
}

func TestAForgottenBreakerIsCollectedWhateverItsTimerWaitsFor(t *testing.T) {
	tests := []struct {
		name string
		make func() *breaker.Breaker
	}{
		{"open", func() *breaker.Breaker {
			b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(1000*time.Hour))
			_ = b.Do(context.Background(), fail)
			return b
		}},
		{"a window", func() *breaker.Breaker {
			b := breaker.New(breaker.FailureCount(9), breaker.Window(1000*time.Hour))
			_ = b.Do(context.Background(), fail)
			return b
		}},
		{"a lost probe", func() *breaker.Breaker {
			b := breaker.New(breaker.Initially(breaker.HalfOpen), breaker.ProbeLease(1000*time.Hour))
			_, _ = b.Acquire(context.Background())
			return b
		}},
		{"stuck calls", func() *breaker.Breaker {
			b := breaker.New(breaker.StuckCalls(1000*time.Hour, 3))
			_, _ = b.Acquire(context.Background())
			return b
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.True(t, collected(func() weak.Pointer[breaker.Breaker] { return weak.Make(tt.make()) }()))
		})
	}
	t.Run("keyed", func(t *testing.T) {
		ref := func() weak.Pointer[breaker.Keyed[string]] {
			k := breaker.NewKeyed[string](breaker.IdleAfter(1000 * time.Hour))
			_ = k.Do(context.Background(), "a", fail)
			return weak.Make(k)
		}()
		assert.True(t, collected(ref))
	})
}

func TestTwoBubblesAndTheWorldOutside(t *testing.T) {
	cycle := func(t *testing.T, wait func(time.Duration)) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(2*time.Millisecond), breaker.FailureRate(0.5, 20), breaker.StuckCalls(time.Second, 1))
		for range 3 {
			trip(t, b)
			for b.State() == breaker.Open {
				wait(time.Millisecond)
			}
			p, err := b.Acquire(t.Context())
			assert.NoError(t, err)
			p.Done(nil)
		}
		assert.Equal(t, breaker.Closed, b.State())
	}
	for range 2 {
		synctest.Test(t, func(t *testing.T) { cycle(t, time.Sleep) })
		cycle(t, func(d time.Duration) { <-time.After(d) })
	}
}

func TestAnIdleBreakerRunsNoTimer(t *testing.T) {
	// A bubble in which a goroutine waits for ever, and nothing else, ends in a
	// deadlock that synctest reports; while a timer runs, time goes on instead.
	// So we let time go on by a timer of ours and look at what is left.
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Window(10 * time.Second))
		play(t, b, "sfs")
		assert.True(t, breaker.TimerRuns(b))
		time.Sleep(11 * time.Second)
		assert.False(t, breaker.TimerRuns(b), "the window is empty")

		b = breaker.New(breaker.ConsecutiveFailures(1))
		play(t, b, "s")
		assert.False(t, breaker.TimerRuns(b))
		play(t, b, "f")
		assert.True(t, breaker.TimerRuns(b))
		b.ForceOpen(nil)
		assert.False(t, breaker.TimerRuns(b))
		b.Resume()
		p := acquire(t, b)
		assert.True(t, breaker.TimerRuns(b))
		p.Cancel()
		assert.False(t, breaker.TimerRuns(b))
	})
}

func TestATimerMayBeLate(t *testing.T) {
	inBubble := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
	inBubble("half-open begins when it can be used", func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.HalfOpenFor(time.Minute))
		trip(t, b)
		breaker.Stall(b, time.Hour)
		time.Sleep(time.Second)
		assert.Equal(t, breaker.HalfOpen, b.State())
		time.Sleep(time.Minute)
		assert.Equal(t, breaker.Open, b.State())
	})
	inBubble("the window forgets all at once", func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(3), breaker.Window(10*time.Second))
		play(t, b, "ff")
		breaker.Stall(b, time.Hour)
		time.Sleep(time.Second)
		assert.EqualValues(t, 0, b.Stats().WindowFailures)
		assert.False(t, breaker.TimerRuns(b))
		play(t, b, "ff")
		assert.Equal(t, breaker.Closed, b.State())
	})
	inBubble("and goes on in step", func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(3), breaker.Window(10*time.Second))
		play(t, b, "f")
		breaker.Stall(b, 2500*time.Millisecond)
		time.Sleep(time.Second)
		assert.EqualValues(t, 1, b.Stats().WindowFailures)
		time.Sleep(6500*time.Millisecond - 2)
		assert.EqualValues(t, 1, b.Stats().WindowFailures)
		time.Sleep(2 * time.Nanosecond)
		assert.EqualValues(t, 0, b.Stats().WindowFailures)
	})
	inBubble("calls in flight are as old as they are", func(t *testing.T) {
		b := breaker.New(breaker.StuckCalls(8*time.Second, 1))
		p := acquire(t, b)
		breaker.Stall(b, time.Hour)
		time.Sleep(time.Second)
		assert.Equal(t, breaker.Open, b.State())
		p.Done(nil)
	})
	inBubble("a ramp is over", func(t *testing.T) {
		b := halfOpen(t, breaker.RampUp(10*time.Second))
		play(t, b, "s")
		breaker.Stall(b, time.Hour)
		time.Sleep(time.Second)
		play(t, b, "sssss")
	})
	inBubble("leases are over", func(t *testing.T) {
		b := halfOpen(t, breaker.HalfOpenProbes(3), breaker.CloseRatio(0.3), breaker.ProbeLease(time.Second))
		p, q := acquire(t, b), acquire(t, b)
		breaker.Stall(b, time.Hour)
		time.Sleep(time.Second)
		assert.EqualValues(t, 2, b.Stats().Expired)
		p.Done(nil)
		q.Done(nil)
		assert.Equal(t, breaker.HalfOpen, b.State())
	})
}

func TestUntilALateTimerHasRunABreakerIsOpenAndAsksToComeBackSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second))
		time.Sleep(2 * time.Hour)
		trip(t, b)
		for _, late := range []time.Duration{0, 1, time.Hour} {
			breaker.Overdue(b, late)
			assert.Equal(t, breaker.Open, b.State())
			assert.Equal(t, time.Millisecond, b.RetryAfter(), "not 0, which would be unknown, and not a busy loop")
			for _, err := range []error{b.Ready(), b.Do(t.Context(), succeed)} {
				var open *breaker.OpenError
				require.ErrorAs(t, err, &open)
				assert.Equal(t, time.Millisecond, open.RetryAfter())
			}
		}
		breaker.Ring(b)
		assert.Equal(t, breaker.HalfOpen, b.State())
		play(t, b, "s")
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTheShortestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.StuckCalls(time.Millisecond, 1), breaker.RampUp(1), breaker.Window(time.Millisecond), breaker.FailureRate(1, 1),
			breaker.SlowCallRate(1, 1, 9), breaker.OpenGrowth(time.Second), breaker.HonorRetryAfter(1))
		play(t, b, "s")
		time.Sleep(20 * time.Nanosecond)
		p := acquire(t, b)
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, breaker.Open, b.State(), "stuck")
		p.Done(nil)
	})
}
