package breaker_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

func TestForcedOpenNeverHealsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		maintenance := errors.New("maintenance")
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.HalfOpenFor(time.Second))
		late := acquire(t, b)
		b.ForceOpen(maintenance)
		late.Done(nil)
		for range 10 {
			time.Sleep(1000 * time.Hour)
			err := b.Ready()
			open, ok := errors.AsType[*breaker.OpenError](err)
			require.True(t, ok)
			assert.Equal(t, maintenance, open.Cause)
			assert.Zero(t, open.RetryAfter(), "nobody knows")
			assert.Zero(t, b.RetryAfter())
		}
		s := b.Stats()
		assert.Equal(t, breaker.ForcedOpen, s.Mode)
		assert.True(t, s.NextProbeAt.IsZero())
		b.Resume()
		assert.Equal(t, breaker.HalfOpen, b.State(), "probes decide")
		play(t, b, "s")
		assert.Equal(t, breaker.Closed, b.State())
		b.Resume()
		assert.Equal(t, breaker.Closed, b.State(), "nothing was forced")
	})
}

func TestForceOpenTakesOverAnOpeningOfTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.On(breaker.Events{StateChange: c.note}))
		trip(t, b)
		gen := b.Stats().Generation
		b.ForceOpen(nil)
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, gen, b.Stats().Generation, "open stays open: no change of state")
		assert.Len(t, c.all(), 1)
		assert.EqualError(t, b.Ready(), "breaker: circuit open")
	})
}

func TestForcedClosedAdmitsAllAndRecordsNothing(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(2), breaker.FailureRate(0.5, 2))
	trip(t, b)
	b.ForceClosed()
	play(t, b, strings.Repeat("f", 100))
	assert.Equal(t, breaker.Closed, b.State())
	s := b.Stats()
	assert.Equal(t, breaker.ForcedClosed, s.Mode)
	assert.EqualValues(t, 0, s.WindowCalls)
	assert.EqualValues(t, 0, s.ConsecutiveFailures)
	assert.EqualValues(t, 0, s.Suppressed)
	b.Resume()
	play(t, b, "f")
	assert.Equal(t, breaker.Closed, b.State(), "it begins at nothing")
	play(t, b, "f")
	assert.Equal(t, breaker.Open, b.State())
}

func TestDisabledMeasuresOnly(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(3), breaker.FailureCount(100))
	trip(t, b)
	b.Disable()
	assert.Equal(t, breaker.Closed, b.State())
	play(t, b, "fffff")
	s := b.Stats()
	assert.Equal(t, breaker.Disabled, s.Mode)
	assert.EqualValues(t, 5, s.ConsecutiveFailures)
	assert.EqualValues(t, 5, s.WindowFailures)
	assert.EqualValues(t, 1, s.Suppressed, "once, until the rule is no longer met")
	play(t, b, "sfff")
	assert.EqualValues(t, 2, b.Stats().Suppressed)
	b.Resume()
	assert.Equal(t, breaker.Closed, b.State(), "the end of a call opens it")
	play(t, b, "f")
	assert.Equal(t, breaker.Open, b.State(), "with what it has measured")
}

func TestStuckCallsThatMayNotOpenAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.StuckCalls(time.Second, 1), breaker.ConsecutiveFailures(5))
		b.Disable()
		p := acquire(t, b)
		for range 20 {
			time.Sleep(time.Second)
			play(t, b, "s")
		}
		assert.EqualValues(t, 1, b.Stats().Suppressed)
		p.Done(nil)
		time.Sleep(time.Minute)
		acquire(t, b)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 2, b.Stats().Suppressed)
	})
}

func TestResetForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(3), breaker.FailureRate(1, 3), breaker.RampUp(time.Hour))
		play(t, b, "ff")
		p := acquire(t, b)
		b.Reset()
		assert.EqualValues(t, 0, b.Stats().ConsecutiveFailures)
		assert.EqualValues(t, 0, b.Stats().WindowCalls)
		play(t, b, "ff")
		assert.Equal(t, breaker.Closed, b.State())
		p.Done(errDown)
		assert.Equal(t, breaker.Open, b.State(), "no change of state, no new generation")
		for range 3 {
			b.ForceOpen(nil)
			b.Reset()
			assert.Equal(t, breaker.Closed, b.State())
			assert.Equal(t, breaker.Automatic, b.Stats().Mode)
			play(t, b, "s") // without a ramp
		}
		assert.EqualValues(t, 3, b.Stats().Openings, "counts go on; the first was open already")
	})
}

func TestForcingWhileHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.ProbeLease(time.Second))
		p := acquire(t, b)
		b.ForceClosed()
		time.Sleep(time.Hour)
		assert.EqualValues(t, 0, b.Stats().Expired, "the lease went with the generation")
		p.Done(errDown)
		assert.Equal(t, breaker.Closed, b.State())

		b = halfOpen(t)
		p = acquire(t, b)
		b.ForceOpen(nil)
		p.Done(nil)
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestNamesOfStatesModesAndOutcomes(t *testing.T) {
	assert.Equal(t, "closed open half-open State(9)", join(breaker.Closed, breaker.Open, breaker.HalfOpen, breaker.State(9)))
	assert.Equal(t, "automatic forced-open forced-closed disabled Mode(9)",
		join(breaker.Automatic, breaker.ForcedOpen, breaker.ForcedClosed, breaker.Disabled, breaker.Mode(9)))
	assert.Equal(t, "failure success ignored Outcome(9)", join(breaker.Failure, breaker.Success, breaker.Ignored, breaker.Outcome(9)))
}

func join[T interface{ String() string }](list ...T) (s string) {
	for i, v := range list {
		if i > 0 {
			s += " "
		}
		s += v.String()
	}
	return s
}

func TestStatsTellTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := breaker.New(breaker.ConsecutiveFailures(2), breaker.FailureRate(0.9, 100), breaker.SlowCallRate(time.Second, 1, 100),
			breaker.StuckCalls(time.Second, 10), breaker.OpenFor(time.Minute), breaker.Counted())
		assert.Equal(t, breaker.Stats{Since: start}, b.Stats())
		time.Sleep(time.Second)
		play(t, b, "ssf")
		p := acquire(t, b)
		acquire(t, b).Cancel()
		s := b.Stats()
		assert.Equal(t, breaker.Stats{
			Since: start, ConsecutiveFailures: 1, WindowCalls: 3, WindowFailures: 1,
			Successes: 2, Failures: 1, Ignored: 1, InFlight: 1,
		}, s)
		play(t, b, "f")
		p.Done(nil)
		assert.Error(t, b.Ready())
		assert.Equal(t, breaker.Stats{
			State: breaker.Open, Since: start.Add(time.Second), Generation: 1, Cause: errDown,
			NextProbeAt: start.Add(time.Second + time.Minute), Openings: 1,
			Successes: 3, Failures: 2, Ignored: 1, Late: 1, Rejected: 1,
		}, b.Stats())
		time.Sleep(time.Minute)
		acquire(t, b)
		s = b.Stats()
		assert.Equal(t, 1, s.Probes)
		assert.Equal(t, start.Add(time.Second+time.Minute), s.Since)
	})
}

func TestWhatIsNotCountedSaysSo(t *testing.T) {
	s := breaker.New(breaker.ConsecutiveFailures(1)).Stats()
	for _, v := range []int64{s.WindowCalls, s.WindowFailures, s.WindowSlow, s.Stuck, s.Successes, s.Failures, s.Ignored, s.Late, s.InFlight, s.Rejected} {
		assert.EqualValues(t, -1, v)
	}
	s = breaker.New(breaker.FailureCount(1)).Stats()
	assert.EqualValues(t, -1, s.ConsecutiveFailures)
	assert.EqualValues(t, -1, s.WindowCalls, "successes are not counted for it")
	assert.EqualValues(t, 0, s.WindowFailures)
}
