package breaker_test

// The ways in which breakers in wide use can be wedged or fooled, each as a
// test, numbered as in our list of them. The numbers that are missing are about
// what a breaker does not do: timeouts (12), response bodies (13), hedges (14)
// and the errors and delays of retries (19, 20).

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/internal/testkit"
)

// threeProbes is the breaker of the conformance probes: 3 failures open it for
// 100 ms, 3 probes close it.
func threeProbes(opts ...breaker.Option) *breaker.Breaker {
	return breaker.New(append([]breaker.Option{
		breaker.ConsecutiveFailures(3), breaker.OpenFor(100 * time.Millisecond), breaker.HalfOpenProbes(3), breaker.ProbeLease(time.Second),
	}, opts...)...)
}

func TestP10SixtyFourCallersInHalfOpenRunThreeAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		trip(t, b)
		time.Sleep(100 * time.Millisecond)
		var running, most, ran atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_ = b.Do(t.Context(), func(context.Context) error {
					most.Store(max(most.Load(), running.Add(1)))
					ran.Add(1)
					time.Sleep(10 * time.Millisecond)
					running.Add(-1)
					return nil
				})
			})
		}
		wg.Wait()
		assert.EqualValues(t, 3, ran.Load())
		assert.LessOrEqual(t, most.Load(), int64(3))
	})
}

func TestP11SuccessesOfCallsBegunBeforeTheTripNeitherCloseNorAddProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		var stale []*breaker.Permit
		for range 15 {
			stale = append(stale, acquire(t, b))
		}
		trip(t, b)
		stale[0].Done(nil)
		time.Sleep(100 * time.Millisecond)
		for range 3 {
			acquire(t, b)
		}
		for i, p := range stale[1:] {
			if i%2 == 0 {
				p.Done(nil)
			} else {
				p.Cancel()
			}
		}
		assert.Equal(t, breaker.HalfOpen, b.State())
		for range 64 {
			assert.ErrorIs(t, b.Do(t.Context(), succeed), breaker.ErrOpen)
		}
	})
}

func TestP12RecoversAfterThreeProbesThatPanic(t *testing.T) {
	recoversAfter(t, func(context.Context) error { panic("boom") })
}

func TestP13RecoversAfterThreeProbesThatExit(t *testing.T) {
	recoversAfter(t, func(context.Context) error { runtime.Goexit(); return nil })
}

func recoversAfter(t *testing.T, bad func(context.Context) error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		trip(t, b)
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			end := testkit.Run(func() { _ = b.Do(context.Background(), bad) })
			assert.False(t, end.Returned, "it passes through")
			require.Equal(t, breaker.Open, b.State())
		}
		time.Sleep(100 * time.Millisecond)
		play(t, b, strings.Repeat("s", 20))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestP14ThreeHungProbesLeaveAWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		trip(t, b)
		time.Sleep(100 * time.Millisecond)
		for range 3 {
			acquire(t, b) // and nothing more is heard of it
		}
		time.Sleep(20 * 100 * time.Millisecond)
		play(t, b, strings.Repeat("s", 20))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestP15TheStateCallbackMayReadTheBreaker(t *testing.T) {
	var b *breaker.Breaker
	told := 0
	b = threeProbes(breaker.OpenFor(time.Hour), breaker.On(breaker.Events{StateChange: func(c breaker.StateChange) {
		assert.Equal(t, c.To, b.State())
		assert.Equal(t, c.Generation, b.Stats().Generation)
		assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
		told++
	}}))
	trip(t, b)
	assert.Equal(t, 1, told)
}

func TestP16OldSuccessesDoNotHideAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 20))
		play(t, b, strings.Repeat("s", 100_000))
		time.Sleep(time.Hour)
		failures := 0
		for b.State() == breaker.Closed {
			play(t, b, "f")
			failures++
		}
		assert.Equal(t, 20, failures)
	})
}

func TestP17APanicLosesNoPlace(t *testing.T) {
	b := breaker.New(breaker.Initially(breaker.HalfOpen), breaker.HalfOpenProbes(3), breaker.CloseRatio(0.1), breaker.Counted())
	testkit.Run(func() { _ = b.Do(context.Background(), func(context.Context) error { panic("boom") }) })
	s := b.Stats()
	assert.Equal(t, 0, s.Probes)
	assert.EqualValues(t, 0, s.InFlight)
	play(t, b, "s")
	assert.Equal(t, breaker.Closed, b.State())
}

func TestP17bAPanicReachesTheCallerUntouched(t *testing.T) {
	boom := &struct{ error }{errors.New("boom")}
	end := testkit.Run(func() { _ = breaker.New().Do(context.Background(), func(context.Context) error { panic(boom) }) })
	assert.Same(t, boom, end.Value, "no copy, no wrapping, no text of it")
}

func TestTrap01ALostPermitWedgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		for range 100 {
			acquire(t, b) // closed: abandoned permits hold nothing
		}
		trip(t, b)
		for range 50 {
			time.Sleep(b.RetryAfter())
			for b.State() == breaker.HalfOpen {
				_, _ = b.Acquire(t.Context()) // lost
				time.Sleep(time.Second)
			}
		}
		assert.Equal(t, breaker.Open, b.State())
		time.Sleep(b.RetryAfter())
		play(t, b, "sss")
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTrap02LateResultsCountNowhereAndSlowOnesDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 20), breaker.Window(time.Second))
		var wg sync.WaitGroup
		for i := range 200 { // each call fails, after ten times the window
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				_ = b.Do(t.Context(), func(context.Context) error {
					time.Sleep(10 * time.Second)
					return errDown
				})
			})
		}
		wg.Wait()
		assert.Equal(t, breaker.Open, b.State())
		assert.EqualValues(t, 1, b.Stats().Openings, "failures of before the opening open nothing")
	})
}

func TestTrap02bOnlyAChangeOfStateBeginsAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(2), breaker.Window(time.Second))
		p, q := acquire(t, b), acquire(t, b)
		for range 100 {
			play(t, b, "s")
			time.Sleep(time.Second)
		}
		b.Reset()
		b.SetRules(breaker.FailureCount(2))
		b.Disable()
		b.Resume()
		p.Done(errDown)
		q.Done(errDown)
		assert.Equal(t, breaker.Open, b.State())
		assert.EqualValues(t, 1, b.Stats().Generation)
	})
}

func TestTrap03FiftyPanicsOpen(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(50))
	for i := range 50 {
		require.Equal(t, breaker.Closed, b.State(), "after %d panics", i)
		testkit.Run(func() { _ = b.Do(context.Background(), func(context.Context) error { panic(errDown) }) })
	}
	assert.Equal(t, breaker.Open, b.State())
}

func TestTrap04ACancellationByTheCallerIsNoFailureAndNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		gone := func() {
			ctx, cancel := context.WithCancel(t.Context())
			_ = b.Do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() })
		}
		for range 100 {
			gone()
		}
		assert.Equal(t, breaker.Closed, b.State())
		trip(t, b)
		time.Sleep(100 * time.Millisecond)
		for range 100 {
			gone()
		}
		assert.Equal(t, breaker.HalfOpen, b.State())
		play(t, b, "sss")
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTrap04bADeadlineThatPassedWhileTheCallRanIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			cancel()
		}
		assert.Equal(t, breaker.Open, b.State(), "a server that never answers looks like this")
	})
}

func TestTrap05RejectionsFromInsideSayNothingOfTheBackend(t *testing.T) {
	full := rejection.New("semaphore: too many waiters")
	b := breaker.New(breaker.ConsecutiveFailures(1))
	for range 10 {
		_ = b.Do(t.Context(), func(context.Context) error { return fmt.Errorf("call: %w", full) })
	}
	assert.Equal(t, breaker.Closed, b.State())
}

func TestTrap06ARejectionTellsTheRetryHowLongToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes()
		trip(t, b)
		err := fmt.Errorf("call: %w", b.Ready())
		assert.True(t, rejection.Is(err))
		d, known := rejection.After(err)
		assert.True(t, known)
		assert.Equal(t, 100*time.Millisecond, d)
	})
}

func TestTrap07WaitingInOurOwnQueueTakesNoProbeAndIsNotSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.SlowCallRate(time.Second, 1, 1), breaker.Initially(breaker.HalfOpen), breaker.ProbeLease(2*time.Second))
		require.NoError(t, b.Ready())
		time.Sleep(time.Minute) // for a token, say
		assert.Equal(t, breaker.HalfOpen, b.State())
		p := acquire(t, b)
		p.Cancel() // a later gate refused
		slowly(t, b, time.Second, nil)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTrap08DoneTwiceIsOneFailure(t *testing.T) {
	for _, opts := range [][]breaker.Option{nil, {breaker.StuckCalls(time.Hour, 9)}, {breaker.Counted()}} {
		b := breaker.New(append(opts, breaker.ConsecutiveFailures(2))...)
		p := acquire(t, b)
		p.Done(errDown)
		p.Done(errDown)
		assert.Equal(t, breaker.Closed, b.State())
	}
}

func TestTrap09ABadNodePoisonsNoOther(t *testing.T) {
	a, b := breaker.New(breaker.ConsecutiveFailures(1)), breaker.New(breaker.ConsecutiveFailures(1))
	trip(t, a)
	assert.NoError(t, b.Do(t.Context(), succeed), "no shared state, and no lock while a call runs")
	var wg sync.WaitGroup
	meet := make(chan struct{})
	wg.Go(func() { _ = b.Do(t.Context(), func(context.Context) error { meet <- struct{}{}; return nil }) })
	assert.NoError(t, b.Do(t.Context(), func(context.Context) error { <-meet; return nil }))
	wg.Wait()
}

func TestTrap10EventsAreToldInOrderOutsideTheLock(t *testing.T) {
	var c changes
	var b *breaker.Breaker
	b = threeProbes(breaker.On(breaker.Events{StateChange: func(s breaker.StateChange) {
		c.note(s)
		if s.Generation < 10 {
			if s.To == breaker.Open {
				b.Reset()
			} else {
				b.ForceOpen(nil)
			}
		}
	}}))
	play(t, b, "fff")
	assert.Len(t, c.all(), 10)
	c.alternate(t)
}

func TestTrap11TheDeadlineIsThereBeforeTheState(t *testing.T) {
	// Whoever sees open finds a rejection that knows its time.
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if err := b.Ready(); err != nil {
					open, ok := errors.AsType[*breaker.OpenError](err)
					if !ok || open.RetryAfter() < 59*time.Minute {
						t.Errorf("%v", err)
						return
					}
				}
				_ = b.Do(t.Context(), fail)
				b.Reset()
			}
		})
	}
	wg.Wait()
}

func TestTrap15TimeIsMonotonicAndTakenInTheConstructor(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(1))
	assert.WithinDuration(t, time.Now(), b.Stats().Since, time.Minute)
	synctest.Test(t, func(t *testing.T) { // whose clock stands in the year 2000
		b := breaker.New(breaker.ConsecutiveFailures(1))
		assert.Equal(t, time.Now(), b.Stats().Since)
		trip(t, b)
		assert.Equal(t, 5*time.Second, b.RetryAfter())
	})
}

func TestTrap16NoStampedeInHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := threeProbes(breaker.CloseRatio(0.5))
		trip(t, b)
		time.Sleep(100 * time.Millisecond)
		play(t, b, "f")
		p := acquire(t, b)
		q := acquire(t, b)
		for range 100 {
			assert.ErrorIs(t, b.Ready(), breaker.ErrOpen, "three in all, not three at a time")
		}
		p.Done(nil)
		q.Done(nil)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTrap17ThresholdsAreExactAndThoseThatNeverTripArePanics(t *testing.T) {
	b := breaker.New(breaker.FailureRate(0.57, 100), breaker.CountWindow(100))
	play(t, b, strings.Repeat("s", 43)+strings.Repeat("f", 56))
	assert.Equal(t, breaker.Closed, b.State())
	play(t, b, "f")
	assert.Equal(t, breaker.Open, b.State(), "57 of 100 are 0.57, whatever float64 makes of it")
	assert.Panics(t, func() { breaker.New(breaker.FailureRate(0.5, 100), breaker.CountWindow(10)) })
	assert.Panics(t, func() { breaker.FailureRate(0, 1) })
}

func TestTrap18StateIsEffectiveWithoutTrafficAndWithoutSideEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		b := threeProbes(breaker.On(breaker.Events{StateChange: c.note}))
		trip(t, b)
		time.Sleep(time.Hour)
		assert.Len(t, c.all(), 2, "it was told when it happened")
		for range 10 {
			assert.Equal(t, breaker.HalfOpen, b.State())
			assert.Equal(t, breaker.HalfOpen, b.Stats().State)
			assert.NoError(t, b.Ready())
		}
		assert.Len(t, c.all(), 2)
	})
}

func TestTrap21OptionsAreSharedSafely(t *testing.T) {
	opts := []breaker.Option{breaker.ConsecutiveFailures(1), breaker.Window(time.Second)}
	a, b := breaker.New(opts...), breaker.New(opts...)
	trip(t, a)
	assert.Equal(t, breaker.Closed, b.State())
	a.SetRules(breaker.ConsecutiveFailures(100))
	assert.Error(t, b.Do(t.Context(), fail))
	assert.Equal(t, breaker.Open, b.State())
}

// uncomparable is an error that panics when it is compared.
type uncomparable struct{ fields []string }

func (uncomparable) Error() string { return "uncomparable" }

func TestTrap22NoErrorIsComparedOrReflectedOn(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(2), breaker.HonorRetryAfter(time.Minute))
	err := uncomparable{[]string{"a"}}
	for range 2 {
		assert.Equal(t, err, b.Do(t.Context(), func(context.Context) error { return err }))
	}
	refused := b.Ready()
	assert.ErrorIs(t, refused, breaker.ErrOpen)
	assert.NotErrorIs(t, refused, err)
}

func TestTrap23AnErrorNeedNotBeAFailure(t *testing.T) {
	notFound := errors.New("not found")
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.Classify(func(ctx context.Context, err error) breaker.Outcome {
		if errors.Is(err, notFound) {
			return breaker.Success
		}
		return breaker.DefaultOutcome(ctx, err)
	}))
	assert.Equal(t, notFound, b.Do(t.Context(), func(context.Context) error { return notFound }))
	assert.Equal(t, breaker.Closed, b.State())
}

func TestTrap24AZeroPermitIsAnEndedOne(t *testing.T) {
	b := breaker.New()
	b.ForceOpen(nil)
	p, err := b.Acquire(t.Context())
	require.Error(t, err)
	p.Done(nil)
	p.Cancel()
}
