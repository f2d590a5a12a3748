package breaker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
)

// unavailable is a server's answer with a Retry-After.
type unavailable time.Duration

func (u unavailable) Error() string             { return "503" }
func (u unavailable) RetryAfter() time.Duration { return time.Duration(u) }

func TestTheOpenTimeGrowsWithinAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.OpenGrowth(10*time.Second))
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			play(t, b, "f")
			require.Equal(t, want*time.Second, b.RetryAfter())
			time.Sleep(b.RetryAfter())
		}
		play(t, b, "s")
		time.Sleep(10*time.Second - time.Microsecond)
		play(t, b, "f")
		assert.Equal(t, 10*time.Second, b.RetryAfter(), "not closed for long enough: the same outage")
		time.Sleep(10 * time.Second)
		play(t, b, "s")
		time.Sleep(10 * time.Second)
		play(t, b, "f")
		assert.Equal(t, time.Second, b.RetryAfter(), "it was well for as long as it had been open")
	})
}

func TestResetEndsTheGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.OpenGrowth(time.Minute))
		play(t, b, "f")
		time.Sleep(time.Second)
		play(t, b, "f")
		assert.Equal(t, 2*time.Second, b.RetryAfter())
		b.Reset()
		play(t, b, "f")
		assert.Equal(t, time.Second, b.RetryAfter())
	})
}

func TestTheOpenTimeNeverOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const century = 100 * 365 * 24 * time.Hour
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenGrowth(century))
		for range 40 {
			play(t, b, "f")
			require.Positive(t, b.RetryAfter())
			require.LessOrEqual(t, b.RetryAfter(), century)
			b.ForceOpen(nil)
			b.Resume()
		}
		assert.Equal(t, century, func() time.Duration { play(t, b, "f"); return b.RetryAfter() }())
	})
}

func TestJitterMakesLongerNeverShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(10*time.Second), breaker.OpenJitter(0.5))
		low, high := time.Hour, time.Duration(0)
		for range 300 {
			play(t, b, "f")
			d := b.RetryAfter()
			low, high = min(low, d), max(high, d)
			time.Sleep(d)
			require.Equal(t, breaker.HalfOpen, b.State())
		}
		assert.GreaterOrEqual(t, low, 10*time.Second)
		assert.LessOrEqual(t, high, 15*time.Second)
		assert.Less(t, low, 11*time.Second)
		assert.Greater(t, high, 14*time.Second)
	})
}

func TestTheServersRetryAfterSetsTheOpenTime(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want time.Duration
	}{
		{"longer", unavailable(20 * time.Second), 20 * time.Second},
		{"shorter", unavailable(time.Second), time.Second},
		{"too long", unavailable(time.Hour), time.Minute},
		{"wrapped", fmt.Errorf("post: %w", unavailable(7*time.Second)), 7 * time.Second},
		{"unknown", unavailable(0), 5 * time.Second},
		{"negative", unavailable(-time.Second), 5 * time.Second},
		{"none", errDown, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				call := func(context.Context) error { return tt.err }
				b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HonorRetryAfter(time.Minute))
				assert.Error(t, b.Do(t.Context(), call))
				assert.Equal(t, tt.want, b.RetryAfter())

				b = breaker.New(breaker.ConsecutiveFailures(1))
				assert.Error(t, b.Do(t.Context(), call))
				assert.Equal(t, 5*time.Second, b.RetryAfter(), "only where it is asked for")
			})
		})
	}
}

func TestARejectionKnowsItsRetryAfterToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(10*time.Second))
		trip(t, b)
		e, ok := b.Ready().(*breaker.OpenError) //nolint:errorlint // it is that
		require.True(t, ok)
		time.Sleep(4 * time.Second)
		assert.Equal(t, 6*time.Second, e.RetryAfter())
		time.Sleep(6*time.Second - 1)
		assert.EqualValues(t, 1, e.RetryAfter())
		time.Sleep(time.Nanosecond)
		assert.Equal(t, time.Millisecond, e.RetryAfter(),
			"0 would say that it is unknown, and less would make a busy loop of a timer that is late")
	})
}

func TestJitterComesOnTopOfTheServersRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HonorRetryAfter(time.Minute), breaker.OpenJitter(1))
		longer := 0
		for range 50 {
			assert.Error(t, b.Do(t.Context(), func(context.Context) error { return unavailable(10 * time.Second) }))
			d := b.RetryAfter()
			require.GreaterOrEqual(t, d, 10*time.Second)
			require.LessOrEqual(t, d, 20*time.Second)
			if d > 15*time.Second {
				longer++
			}
			b.Reset()
		}
		assert.Positive(t, longer)
	})
}

// nosy is an error that looks at the breaker when it is asked.
type nosy struct{ b **breaker.Breaker }

func (nosy) Error() string { return "nosy" }
func (n nosy) RetryAfter() time.Duration {
	return time.Duration((*n.b).Stats().Openings+7) * time.Second
}

func TestAnErrorIsAskedOutsideTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HonorRetryAfter(time.Minute))
		assert.Error(t, b.Do(t.Context(), func(context.Context) error { return nosy{&b} }))
		assert.Equal(t, 7*time.Second, b.RetryAfter())
	})
}

func TestTheLastThatAskedSetsTheOpenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(3), breaker.HonorRetryAfter(time.Minute))
		fails := func(err error) { assert.Error(t, b.Do(t.Context(), func(context.Context) error { return err })) }
		fails(unavailable(20 * time.Second))
		time.Sleep(4 * time.Second)
		fails(errDown)
		fails(errDown)
		assert.Equal(t, 16*time.Second, b.RetryAfter(), "it asked 4 seconds ago")
		b.Reset()
		fails(unavailable(20 * time.Second))
		b.Reset()
		fails(errDown)
		fails(errDown)
		fails(errDown)
		assert.Equal(t, 5*time.Second, b.RetryAfter(), "what it asked for is forgotten")
		b.Reset()
		fails(unavailable(time.Second))
		time.Sleep(time.Second)
		fails(errDown)
		fails(errDown)
		assert.Equal(t, 5*time.Second, b.RetryAfter(), "what it asked for is over")
	})
}

func TestALateProbeDoesNotSetTheOpenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.HalfOpenProbes(3), breaker.CloseRatio(0.3), breaker.ProbeLease(time.Second), breaker.HonorRetryAfter(time.Hour))
		p := acquire(t, b)
		time.Sleep(time.Second) // its lease is over: one failure of the two that may be
		p.Done(unavailable(time.Hour))
		play(t, b, "ff")
		assert.Equal(t, time.Second, b.RetryAfter())
	})
}

func TestAForcedClosedBreakerHearsNoRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HonorRetryAfter(time.Hour))
		b.ForceClosed()
		assert.Error(t, b.Do(t.Context(), func(context.Context) error { return unavailable(time.Hour) }))
		b.Resume()
		play(t, b, "f")
		assert.Equal(t, 5*time.Second, b.RetryAfter(), "it records no call")
	})
}

func TestAnOutageIsOverAlsoIfTheNextOneIsForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.OpenGrowth(time.Minute))
		for range 4 { // grows to 8 s
			play(t, b, "f")
			time.Sleep(b.RetryAfter())
		}
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
		time.Sleep(time.Hour)
		b.ForceOpen(nil)
		b.Resume()
		play(t, b, "f")
		assert.Equal(t, time.Second, b.RetryAfter(), "an hour of health lies between")
	})
}

func TestAnErrorThatPanicsWhenAskedIsAFailureAllTheSame(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HonorRetryAfter(time.Minute), breaker.Counted())
	var none *pointed
	end := testkit.Run(func() { _ = b.Do(context.Background(), func(context.Context) error { return none }) })
	assert.NotNil(t, end.Value)
	assert.Equal(t, breaker.Open, b.State())
	assert.EqualValues(t, 0, b.Stats().InFlight)
}

// pointed is an error of which a nil pointer escapes now and then.
type pointed struct{ wait time.Duration }

func (*pointed) Error() string               { return "503" }
func (p *pointed) RetryAfter() time.Duration { return p.wait }

func TestOnlyTheErrorOfAFailureIsAskedHowLong(t *testing.T) {
	for _, o := range []breaker.Outcome{breaker.Success, breaker.Ignored} {
		t.Run(o.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := breaker.New(breaker.ConsecutiveFailures(2), breaker.HonorRetryAfter(time.Hour))
				play(t, b, "f")
				p := acquire(t, b)
				p.Report(o, unavailable(time.Hour))
				trip(t, b)
				assert.Equal(t, 5*time.Second, b.RetryAfter())
			})
		})
	}
}
