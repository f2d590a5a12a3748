package breaker_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
)

// halfOpen returns a breaker that has opened and is half-open now.
func halfOpen(t *testing.T, opts ...breaker.Option) *breaker.Breaker {
	t.Helper()
	b := breaker.New(append([]breaker.Option{breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second)}, opts...)...)
	trip(t, b)
	time.Sleep(b.RetryAfter())
	require.Equal(t, breaker.HalfOpen, b.State())
	return b
}

func TestTheShareOfProbesDecidesAsSoonAsItIsCertain(t *testing.T) {
	tests := []struct {
		probes int
		ratio  float64
		calls  string
		want   breaker.State
	}{
		{1, 1, "s", breaker.Closed},
		{1, 1, "f", breaker.Open},
		{3, 1, "ss", breaker.HalfOpen},
		{3, 1, "sss", breaker.Closed},
		{3, 1, "f", breaker.Open},
		{3, 0.5, "ss", breaker.Closed},
		{3, 0.5, "sf", breaker.HalfOpen},
		{3, 0.5, "sfs", breaker.Closed},
		{3, 0.5, "sff", breaker.Open},
		{3, 0.5, "ff", breaker.Open},
		{3, 2.0 / 3, "fs", breaker.HalfOpen},
		{3, 2.0 / 3, "fss", breaker.Closed},
		{10, 0.3, "fffffffs", breaker.HalfOpen},
		{10, 0.3, "ffffffff", breaker.Open},
		{10, 0.3, "sss", breaker.Closed},
		{10, 0.000001, "fffffffffs", breaker.Closed},
	}
	for _, tt := range tests {
		t.Run(tt.calls, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := halfOpen(t, breaker.HalfOpenProbes(tt.probes), breaker.CloseRatio(tt.ratio))
				play(t, b, tt.calls)
				assert.Equal(t, tt.want, b.State())
			})
		})
	}
}

func TestALostProbeCannotHoldTheBreaker(t *testing.T) {
	tests := []struct {
		name string
		lose func(t *testing.T, b *breaker.Breaker)
	}{
		{"never reported", func(t *testing.T, b *breaker.Breaker) { acquire(t, b) }},
		{"panics", func(t *testing.T, b *breaker.Breaker) {
			testkit.Run(func() { _ = b.Do(t.Context(), func(context.Context) error { panic("boom") }) })
		}},
		{"exits", func(t *testing.T, b *breaker.Breaker) {
			testkit.Run(func() { _ = b.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
		}},
		{"hangs", func(t *testing.T, b *breaker.Breaker) {
			go func() {
				_ = b.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			}()
			synctest.Wait()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := halfOpen(t, breaker.ProbeLease(3*time.Second))
				for range 5 {
					tt.lose(t, b)
					time.Sleep(3 * time.Second)
					if b.State() == breaker.Open {
						time.Sleep(b.RetryAfter())
					}
					require.Equal(t, breaker.HalfOpen, b.State())
				}
				play(t, b, "s")
				assert.Equal(t, breaker.Closed, b.State())
			})
		})
	}
}

func TestALeaseThatEndsIsAFailureAndItsLateResultCountsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.HalfOpenProbes(3), breaker.CloseRatio(0.5), breaker.ProbeLease(time.Second), breaker.Counted())
		slow := acquire(t, b)
		time.Sleep(time.Second)
		assert.Equal(t, breaker.HalfOpen, b.State())
		assert.EqualValues(t, 1, b.Stats().Expired)
		assert.Equal(t, 0, b.Stats().Probes)
		slow.Done(nil)
		play(t, b, "s")
		assert.Equal(t, breaker.HalfOpen, b.State(), "the late success is not the second")
		other := acquire(t, b)
		_, err := b.Acquire(t.Context())
		assert.ErrorIs(t, err, breaker.ErrOpen, "the expired place is used up")
		time.Sleep(time.Second)
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, breaker.ErrLeaseExpired, b.Stats().Cause)
		other.Done(nil)
		assert.Equal(t, breaker.Open, b.State())
		assert.EqualValues(t, 2, b.Stats().Late)
	})
}

func TestAProbeThatIsGivenBackFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t)
		for range 100 {
			acquire(t, b).Cancel()
		}
		ctx, cancel := context.WithCancel(t.Context())
		assert.ErrorIs(t, b.Do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() }), context.Canceled)
		assert.Equal(t, breaker.HalfOpen, b.State())
		play(t, b, "s")
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestHalfOpenEndsAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.HalfOpenFor(time.Minute))
		time.Sleep(time.Minute - time.Microsecond)
		assert.Equal(t, breaker.HalfOpen, b.State())
		time.Sleep(time.Microsecond)
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, breaker.ErrHalfOpenTooLong, b.Stats().Cause)
		time.Sleep(b.RetryAfter())
		play(t, b, "s")
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestWithoutThatTimeHalfOpenWaitsForItsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t)
		time.Sleep(1000 * time.Hour)
		assert.Equal(t, breaker.HalfOpen, b.State())
	})
}

func TestACopyOfAProbesPermitCountsNoSecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.HalfOpenProbes(2), breaker.Counted())
		p := acquire(t, b)
		var q breaker.Permit // go vet would not let us write q := *p
		reflect.ValueOf(&q).Elem().Set(reflect.ValueOf(p).Elem())
		p.Done(nil)
		q.Done(nil)
		assert.Equal(t, breaker.HalfOpen, b.State())
		assert.EqualValues(t, 1, b.Stats().Successes)
		r := acquire(t, b)
		q.Done(errDown)
		q.Cancel()
		assert.Equal(t, breaker.HalfOpen, b.State(), "nor does it end the probe that uses its record now")
		r.Done(nil)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestTheRejectionNamesTheCauseOfTheOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t)
		acquire(t, b)
		_, err := b.Acquire(t.Context())
		assert.EqualError(t, err, "breaker: circuit half-open, all probes taken: down")
		open, ok := errors.AsType[*breaker.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, errDown, open.Cause)
		assert.True(t, open.Rejected())
	})
}

func TestABreakerMayBeginOpenOrHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		events := breaker.On(breaker.Events{StateChange: c.note})
		b := breaker.New(breaker.Initially(breaker.Open), breaker.OpenFor(time.Minute), events)
		assert.Equal(t, breaker.Open, b.State())
		assert.EqualError(t, b.Ready(), "breaker: circuit open")
		assert.Equal(t, time.Minute, b.RetryAfter())
		assert.Empty(t, c.all())
		time.Sleep(time.Minute)
		play(t, b, "s")
		assert.Equal(t, breaker.Closed, b.State())
		assert.Len(t, c.all(), 2)

		b = breaker.New(breaker.Initially(breaker.HalfOpen))
		acquire(t, b)
		assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
		assert.Equal(t, breaker.Closed, breaker.New(breaker.Initially(breaker.Closed)).State())
	})
}

func TestOnlyAProbeIsToldToBeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes []bool
		b := halfOpen(t, breaker.On(breaker.Events{Outcome: func(_ context.Context, c breaker.Call) { probes = append(probes, c.Probe) }}))
		for range 3 {
			acquire(t, b).Done(nil)
		}
		assert.Equal(t, []bool{false, true, false, false}, probes, "what trips, the probe, and those after")
	})
}
