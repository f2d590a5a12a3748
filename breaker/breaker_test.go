package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
)

var errDown = errors.New("down")

func succeed(context.Context) error { return nil }
func fail(context.Context) error    { return errDown }

// trip fails until b is open.
func trip(t *testing.T, b *breaker.Breaker) {
	t.Helper()
	for range 1000 {
		if b.State() == breaker.Open {
			return
		}
		require.ErrorIs(t, b.Do(t.Context(), fail), errDown)
	}
	require.Equal(t, breaker.Open, b.State(), "1000 failures did not open it")
}

func acquire(t *testing.T, b *breaker.Breaker) *breaker.Permit {
	t.Helper()
	p, err := b.Acquire(t.Context())
	require.NoError(t, err)
	return &p
}

func TestTheWholeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(3), breaker.OpenFor(time.Second))
		for range 2 {
			assert.Equal(t, errDown, b.Do(t.Context(), fail))
		}
		assert.Equal(t, breaker.Closed, b.State())
		assert.Equal(t, errDown, b.Do(t.Context(), fail))
		assert.Equal(t, breaker.Open, b.State())

		err := b.Do(t.Context(), func(context.Context) error {
			t.Error("ran while open")
			return nil
		})
		require.ErrorIs(t, err, breaker.ErrOpen)
		open, ok := errors.AsType[*breaker.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, breaker.Open, open.State)
		assert.Equal(t, errDown, open.Cause)
		assert.Equal(t, time.Second, open.RetryAfter())
		assert.Equal(t, time.Second, b.RetryAfter())
		assert.NotErrorIs(t, err, errDown, "the cause is not this call's error")

		time.Sleep(time.Second)
		assert.Equal(t, breaker.HalfOpen, b.State(), "nobody called, and it reads half-open")
		assert.NoError(t, b.Do(t.Context(), succeed))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestWhoSleepsTheRetryAfterFindsItHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(7*time.Second))
		for range 20 {
			trip(t, b)
			time.Sleep(b.RetryAfter())
			require.NoError(t, b.Do(t.Context(), succeed))
		}
	})
}

func TestAFailedProbeOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(3), breaker.OpenFor(time.Second))
		trip(t, b)
		time.Sleep(time.Second)
		assert.Equal(t, errDown, b.Do(t.Context(), fail))
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, time.Second, b.RetryAfter())
	})
}

func TestASuccessBetweenEndsTheRow(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(2))
	for range 10 {
		assert.Error(t, b.Do(t.Context(), fail))
		assert.NoError(t, b.Do(t.Context(), succeed))
	}
	assert.Equal(t, breaker.Closed, b.State())
}

func TestTheDefaults(t *testing.T) {
	t.Run("ten failures in a row open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New()
			for range 9 {
				assert.Error(t, b.Do(t.Context(), fail))
			}
			assert.Equal(t, breaker.Closed, b.State())
			assert.Error(t, b.Do(t.Context(), fail))
			assert.Equal(t, 5*time.Second, b.RetryAfter())
		})
	})
	t.Run("half of twenty calls in ten seconds open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New()
			for i := range 20 {
				assert.Equal(t, breaker.Closed, b.State(), "after %d calls", i)
				if i%2 == 0 {
					assert.NoError(t, b.Do(t.Context(), succeed))
				} else {
					assert.Error(t, b.Do(t.Context(), fail))
				}
			}
			assert.Equal(t, breaker.Open, b.State())
		})
	})
	t.Run("one probe decides, within ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New()
			trip(t, b)
			time.Sleep(5 * time.Second)
			acquire(t, b)
			_, err := b.Acquire(t.Context())
			assert.ErrorIs(t, err, breaker.ErrOpen)
			time.Sleep(10 * time.Second)
			assert.Equal(t, breaker.Open, b.State())
		})
	})
	t.Run("an explicit rule replaces them", func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(100))
		for range 99 {
			assert.Error(t, b.Do(t.Context(), fail))
		}
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestADoneContextWinsAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("why")
		done, cancel := context.WithCancel(t.Context())
		cancel()
		caused, cancelCause := context.WithCancelCause(t.Context())
		cancelCause(cause)
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.Counted())
		check := func() {
			t.Helper()
			before := b.Stats()
			defer func() { assert.Equal(t, before, b.Stats()) }()
			assert.Equal(t, context.Canceled, b.Do(done, succeed))
			_, err := b.Acquire(done)
			assert.Equal(t, context.Canceled, err)
			_, err = breaker.Do(done, b, func(context.Context) (int, error) { return 1, nil })
			assert.Equal(t, context.Canceled, err)
			err = b.Do(caused, succeed)
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, err, cause)
		}
		check()
		trip(t, b)
		assert.ErrorIs(t, b.Do(done, succeed), breaker.ErrOpen, "open, it asks no context")
		time.Sleep(time.Second)
		check()
		assert.NoError(t, b.Do(t.Context(), succeed), "the probe's place was not taken")
	})
}

func TestPanicAndGoexitAreFailuresAndPassThrough(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name string
		do   func(ctx context.Context, b *breaker.Breaker, f func()) error
	}{
		{"method", func(ctx context.Context, b *breaker.Breaker, f func()) error {
			return b.Do(ctx, func(context.Context) error { f(); return nil })
		}},
		{"function", func(ctx context.Context, b *breaker.Breaker, f func()) error {
			_, err := breaker.Do(ctx, b, func(context.Context) (int, error) { f(); return 0, nil })
			return err
		}},
	}
	for _, tt := range tests {
		for _, opts := range [][]breaker.Option{nil, {breaker.Counted()}} {
			t.Run(tt.name, func(t *testing.T) {
				b := breaker.New(append(opts, breaker.ConsecutiveFailures(2))...)
				end := testkit.Run(func() { _ = tt.do(t.Context(), b, func() { panic(boom) }) })
				assert.Equal(t, testkit.End{Panicked: true, Value: boom}, end)
				end = testkit.Run(func() { _ = tt.do(t.Context(), b, runtime.Goexit) })
				assert.True(t, end.Exited)
				assert.Equal(t, breaker.Open, b.State())
				assert.Equal(t, breaker.ErrNoReturn, b.Stats().Cause)
			})
		}
	}
}

func TestDoReturnsTheResult(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(1))
	v, err := breaker.Do(t.Context(), b, func(context.Context) (string, error) { return "v", nil })
	assert.NoError(t, err)
	assert.Equal(t, "v", v)
	v, err = breaker.Do(t.Context(), b, func(context.Context) (string, error) { return "partial", errDown })
	assert.Equal(t, errDown, err)
	assert.Equal(t, "partial", v, "what the call returned is passed on")
	v, err = breaker.Do(t.Context(), b, func(context.Context) (string, error) { return "v", nil })
	assert.ErrorIs(t, err, breaker.ErrOpen)
	assert.Empty(t, v)
}

func TestReadyTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.HalfOpenProbes(2))
		assert.NoError(t, b.Ready())
		trip(t, b)
		assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
		time.Sleep(time.Second)
		for range 10 {
			assert.NoError(t, b.Ready())
		}
		p := acquire(t, b)
		assert.NoError(t, b.Ready())
		q := acquire(t, b)
		err := b.Ready()
		open, ok := errors.AsType[*breaker.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, breaker.HalfOpen, open.State)
		assert.Zero(t, open.RetryAfter(), "when a probe is free nobody knows")
		p.Cancel()
		assert.NoError(t, b.Ready())
		acquire(t, b).Done(nil)
		q.Done(nil)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestQuickAcquireAdmitsWhereNothingIsToBeNoted(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(2))
	for range 2 {
		assert.Equal(t, breaker.Closed, b.State())
		p, ok := b.QuickAcquire(t.Context())
		require.True(t, ok)
		p.Done(errDown)
		p.Done(errDown) // an ended permit
	}
	assert.Equal(t, breaker.Open, b.State(), "its permits are judged like any others")

	b = breaker.New(breaker.ConsecutiveFailures(1), breaker.Classify(breaker.DefaultOutcome))
	ctx, cancel := context.WithCancel(t.Context())
	p, ok := b.QuickAcquire(ctx)
	require.True(t, ok)
	cancel()
	p.Done(context.Canceled)
	assert.Equal(t, breaker.Closed, b.State(), "and by the context of the caller")
}

func TestQuickAcquireLeavesTheRestToAcquire(t *testing.T) {
	told := 0
	on := breaker.On(breaker.Events{Rejected: func(*breaker.OpenError) { told++ }})
	tests := map[string]*breaker.Breaker{
		"zero":      {},
		"open":      breaker.New(breaker.Initially(breaker.Open), on),
		"half-open": breaker.New(breaker.Initially(breaker.HalfOpen), on),
		"ramp":      breaker.New(breaker.RampUp(time.Hour), breaker.Initially(breaker.HalfOpen)),
		"counted":   breaker.New(breaker.Counted()),
		"slow":      breaker.New(breaker.SlowCallRate(time.Minute, 1, 10)),
		"stuck":     breaker.New(breaker.StuckCalls(time.Minute, 10)),
		"outcomes":  breaker.New(breaker.On(breaker.Events{Outcome: func(context.Context, breaker.Call) {}})),
	}
	acquire(t, tests["ramp"]).Done(nil)
	require.Equal(t, breaker.Closed, tests["ramp"].State())
	for name, b := range tests {
		var before breaker.Stats
		if name != "zero" {
			before = b.Stats()
		}
		p, ok := b.QuickAcquire(t.Context())
		assert.False(t, ok, name)
		p.Done(errDown) // an ended one
		if name != "zero" {
			assert.Equal(t, before, b.Stats(), "%s: nothing is taken or counted", name)
		}
	}
	assert.Zero(t, told)
}

func TestAPermitCountsOnce(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(2), breaker.Counted())
	p := acquire(t, b)
	p.Done(errDown)
	p.Done(errDown)
	p.Report(breaker.Failure, errDown)
	p.Cancel()
	assert.Equal(t, breaker.Closed, b.State())
	assert.EqualValues(t, 1, b.Stats().ConsecutiveFailures)
	assert.EqualValues(t, 1, b.Stats().Failures)
	assert.EqualValues(t, 0, b.Stats().Ignored)

	var zero breaker.Permit
	zero.Done(errDown)
	zero.Cancel()
	zero.Report(breaker.Failure, nil)
}

func TestReportTakesTheCallersJudgement(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.Classify(func(context.Context, error) breaker.Outcome {
		t.Error("asked")
		return breaker.Ignored
	}))
	acquire(t, b).Report(breaker.Success, errDown)
	acquire(t, b).Report(breaker.Ignored, errDown)
	assert.Equal(t, breaker.Closed, b.State())
	acquire(t, b).Report(breaker.Outcome(77), errDown)
	assert.Equal(t, breaker.Open, b.State(), "what is no outcome is a failure")
	assert.Equal(t, errDown, b.Stats().Cause)
}

func TestOneBreakerAsksEveryProbeAtOnceAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.HalfOpenProbes(3))
		trip(t, b)
		time.Sleep(time.Second)
		ran := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_ = b.Do(t.Context(), func(context.Context) error {
					mu.Lock()
					ran++
					mu.Unlock()
					time.Sleep(time.Millisecond)
					return nil
				})
			})
		}
		wg.Wait()
		assert.Equal(t, 3, ran)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestAPermitMayBeEndedOnAnotherGoroutine(t *testing.T) {
	for _, opts := range [][]breaker.Option{nil, {breaker.Counted()}, {breaker.Initially(breaker.HalfOpen)}} {
		b := breaker.New(append(opts, breaker.ConsecutiveFailures(1))...)
		p := acquire(t, b)
		var wg sync.WaitGroup
		wg.Go(func() { p.Done(errDown) })
		wg.Wait()
		assert.Equal(t, breaker.Open, b.State())
	}
}
