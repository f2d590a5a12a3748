package wrapper_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// What the other packages have is a layer.
var (
	_ wrapper.Layer = (*ratelimit.Limiter)(nil)
	_ wrapper.Layer = (*ratelimit.Multi)(nil)
	_ wrapper.Layer = (*ratelimit.Adaptive)(nil)
	_ wrapper.Layer = (*semaphore.Semaphore)(nil)
	_ wrapper.Layer = (*semaphore.Adaptive)(nil)
	_ wrapper.Layer = (*breaker.Breaker)(nil)
	_ wrapper.Layer = (*retry.Policy)(nil)
	_ wrapper.Layer = (*wrapper.Wrapper)(nil)

	_ wrapper.KeyedLayer[string] = (*ratelimit.Keyed[string])(nil)
	_ wrapper.KeyedLayer[string] = (*semaphore.Keyed[string])(nil)
	_ wrapper.KeyedLayer[string] = (*breaker.Keyed[string])(nil)
	_ wrapper.KeyedLayer[string] = (*wrapper.Keyed[string])(nil)
)

var errBoom = errors.New("boom")

func failing(context.Context) error { return errBoom }

// hanging is a server that never answers.
func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func newWrapper(t *testing.T, c wrapper.Config) *wrapper.Wrapper {
	t.Helper()
	w, err := wrapper.New(c)
	require.NoError(t, err)
	return w
}

func TestDoReturnsTheResult(t *testing.T) {
	w := newWrapper(t, wrapper.Config{
		MaxConcurrency: 2, RateLimit: 1000, Burst: 10, RetryAttempts: 2, Timeout: time.Hour,
		EnableCircuitBreaker: true, CircuitBreakerThreshold: 5, AttemptTimeout: time.Minute,
	})
	got, err := wrapper.Do(t.Context(), w, func(context.Context) (string, error) { return "yes", nil })
	assert.NoError(t, err)
	assert.Equal(t, "yes", got)

	got, err = wrapper.Do(t.Context(), w, func(context.Context) (string, error) { return "half", retry.Permanent(errBoom) })
	assert.ErrorIs(t, err, errBoom)
	assert.Empty(t, got, "an error carries no result")
}

func TestDoPanicsWithoutAFunction(t *testing.T) {
	w := wrapper.Compose()
	assert.PanicsWithValue(t, "wrapper: Do needs a function, got nil", func() { _ = w.Do(t.Context(), nil) })
}

func TestComposePanicsOnANilLayer(t *testing.T) {
	var b *breaker.Breaker
	assert.PanicsWithValue(t, "wrapper: layer 1 is nil (*breaker.Breaker); leave it out", func() {
		wrapper.Compose(wrapper.Timeout(1), b)
	})
	assert.PanicsWithValue(t, "wrapper: layer 0 is nil (<nil>); leave it out", func() { wrapper.Compose(nil) })
	assert.PanicsWithValue(t, "wrapper: layer 0 is nil (wrapper.Func); leave it out", func() { wrapper.Compose(wrapper.Func(nil)) })
	assert.Panics(t, func() { wrapper.Compose((*semaphore.Adaptive)(nil)) })
	assert.PanicsWithValue(t, "wrapper: Timeout must be above zero, got -1s", func() { wrapper.Timeout(-time.Second) })
}

func TestComposeKeepsNoReferenceToItsArguments(t *testing.T) {
	s := semaphore.New(1)
	layers := []wrapper.Layer{s}
	w := wrapper.Compose(layers...)
	layers[0] = wrapper.Func(func(context.Context, func(context.Context) error) error { return errBoom })
	assert.NoError(t, w.Do(t.Context(), func(context.Context) error {
		assert.EqualValues(t, 1, s.Held())
		return nil
	}))
	nested := wrapper.Compose(w, wrapper.Timeout(time.Second))
	assert.NotSame(t, w, nested)
	assert.Equal(t, "Semaphore(1) > call", w.String(), "composing over it changed it")
}

func TestTimeoutBoundsAllAttemptsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapper(t, wrapper.Config{Timeout: time.Second, RetryAttempts: 100})
		begin, attempts := time.Now(), 0
		err := w.Do(t.Context(), func(ctx context.Context) error {
			attempts++
			timer := time.NewTimer(300 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
				return errBoom
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		assert.Equal(t, time.Second, time.Since(begin))
		assert.Equal(t, 4, attempts)
		assert.ErrorIs(t, err, wrapper.ErrTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, wrapper.Rejected(err))
	})
}

func TestEachAttemptPaysAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapper(t, wrapper.Config{RateLimit: 10, RetryAttempts: 3})
		begin := time.Now()
		var at []time.Duration
		err := w.Do(t.Context(), func(context.Context) error {
			at = append(at, time.Since(begin))
			return errBoom
		})
		assert.ErrorIs(t, err, errBoom)
		assert.ErrorIs(t, err, retry.ErrExhausted)
		ms := time.Millisecond
		assert.Equal(t, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}, at)
	})
}

func TestAPauseBetweenAttemptsHoldsNoPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapper(t, wrapper.Config{MaxConcurrency: 1, RetryAttempts: 1, RetryDelay: time.Minute})
		var wg sync.WaitGroup
		wg.Go(func() { assert.ErrorIs(t, w.Do(t.Context(), failing), errBoom) })
		synctest.Wait()
		begin := time.Now()
		assert.NoError(t, w.Do(t.Context(), nothing))
		assert.Zero(t, time.Since(begin))
		wg.Wait()
	})
}

func TestAnOpenBreakerCostsNoTokenAndNoPlaceInAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, s := breaker.New(), ratelimit.New(ratelimit.PerSecond(1), 1), semaphore.New(1)
		w := wrapper.Compose(b, l, s)
		b.ForceOpen(errBoom)
		require.NoError(t, s.Acquire(t.Context(), 1)) // who waits here waits for ever
		defer s.Release(1)
		begin := time.Now()
		for range 10 {
			err := w.Do(t.Context(), nothing)
			assert.ErrorIs(t, err, breaker.ErrOpen)
			assert.True(t, wrapper.Rejected(err))
		}
		assert.Zero(t, time.Since(begin))
		assert.True(t, l.Allow(), "a token was taken")
	})
}

func TestACallRefusedAtTheAcquireGivesItsPermitAndTokenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, s := breaker.New(), ratelimit.New(ratelimit.PerSecond(1), 5), semaphore.New(1)
		w := wrapper.Compose(b, l, s)
		require.NoError(t, s.Acquire(t.Context(), 1))
		var wg sync.WaitGroup
		wg.Go(func() { assert.ErrorIs(t, w.Do(t.Context(), nothing), breaker.ErrOpen) })
		synctest.Wait() // it has its token and waits for a permit
		assert.InDelta(t, 4, l.Tokens(), 0.001)
		b.ForceOpen(errBoom)
		s.Release(1)
		wg.Wait()
		assert.Zero(t, s.Held())
		assert.InDelta(t, 5, l.Tokens(), 0.001)
	})
}

func TestWaitingInOurOwnQueueTakesNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.HalfOpenProbes(1))
		s := semaphore.New(1)
		w := wrapper.Compose(b, s)
		assert.ErrorIs(t, w.Do(t.Context(), failing), errBoom)
		time.Sleep(time.Second) // half-open from here on
		require.NoError(t, s.Acquire(t.Context(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { assert.Equal(t, context.Canceled, w.Do(ctx, nothing)) })
		synctest.Wait()
		assert.NoError(t, b.Ready(), "the one that waits for a permit holds the probe")
		cancel()
		wg.Wait()
		s.Release(1)
		assert.NoError(t, w.Do(t.Context(), nothing))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestAttemptTimeoutDoesNotCountWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapper(t, wrapper.Config{MaxConcurrency: 1, AttemptTimeout: time.Second})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				assert.NoError(t, w.Do(t.Context(), func(ctx context.Context) error {
					time.Sleep(900 * time.Millisecond)
					return ctx.Err()
				}))
			})
		}
		wg.Wait()
	})
}

func TestATimeoutIsAFailureForTheBreaker(t *testing.T) {
	tests := []struct {
		name   string
		config wrapper.Config
	}{
		{"only Timeout and breaker", wrapper.Config{Timeout: time.Second}},
		{"with AttemptTimeout", wrapper.Config{Timeout: 3 * time.Second, AttemptTimeout: time.Second}},
		{"AttemptTimeout alone", wrapper.Config{AttemptTimeout: time.Second}},
		{"with everything", wrapper.Config{Timeout: time.Second, MaxConcurrency: 1, RateLimit: 100, RetryAttempts: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.config.EnableCircuitBreaker, tt.config.CircuitBreakerThreshold = true, 3
				w := newWrapper(t, tt.config)
				for i := range 3 {
					err := w.Do(t.Context(), hanging)
					assert.ErrorIs(t, err, wrapper.ErrTimeout, "call %d", i)
				}
				begin := time.Now()
				assert.ErrorIs(t, w.Do(t.Context(), hanging), breaker.ErrOpen)
				assert.Zero(t, time.Since(begin))
			})
		})
	}
}

func TestATimeoutThatPassedInOurOwnQueueIsNoFailureForTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1))
		w := wrapper.Compose(wrapper.Timeout(time.Second), b, semaphore.New(1))
		var wg sync.WaitGroup
		served, late := 0, 0
		var mu sync.Mutex
		for range 10 { // a healthy server that takes 300 ms, and too many callers
			wg.Go(func() {
				err := w.Do(t.Context(), func(ctx context.Context) error {
					select {
					case <-time.After(300 * time.Millisecond):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					served++
					return
				}
				late++
				assert.ErrorIs(t, err, wrapper.ErrTimeout)
			})
		}
		wg.Wait()
		assert.Equal(t, 3, served)
		assert.Equal(t, 7, late)
		assert.Equal(t, breaker.Closed, b.State(), "the server did nothing wrong")
	})
}

func TestACancellationByTheCallerIsNoFailureForTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1))
		w := wrapper.Compose(wrapper.Timeout(time.Minute), b, wrapper.Timeout(time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		assert.Equal(t, context.Canceled, w.Do(ctx, hanging))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestADeadlineOfTheCallerIsAFailureForTheBreakerAndNoTimeoutOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1))
		w := wrapper.Compose(wrapper.Timeout(time.Minute), b, wrapper.Timeout(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := w.Do(ctx, hanging)
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.NotErrorIs(t, err, wrapper.ErrTimeout)
		assert.Equal(t, breaker.Open, b.State(), "a server that never answers is broken, whoever set the deadline")
	})
}

func TestATimeoutKeepsTheErrorOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(wrapper.Timeout(time.Second))
		err := w.Do(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), wrapper.ErrTimeout)
			return errBoom
		})
		assert.ErrorIs(t, err, errBoom)
		assert.ErrorIs(t, err, wrapper.ErrTimeout)
		var timeout *wrapper.TimeoutError
		require.ErrorAs(t, err, &timeout)
		assert.Equal(t, time.Second, timeout.Limit)
		assert.True(t, timeout.Timeout())
		assert.EqualError(t, err, "wrapper: timed out after 1s: boom")
		assert.EqualError(t, w.Do(t.Context(), hanging), "wrapper: timed out after 1s")
	})
}

func TestASuccessThatComesLateIsASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(wrapper.Timeout(time.Second))
		got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 7, nil
		})
		assert.NoError(t, err)
		assert.Equal(t, 7, got)
	})
}

func TestADoneContextWins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, l, s := breaker.New(), ratelimit.New(ratelimit.PerSecond(1), 1), semaphore.New(1)
	for _, w := range []*wrapper.Wrapper{
		wrapper.Compose(), wrapper.Compose(b), wrapper.Compose(b, l, s), wrapper.Compose(wrapper.Timeout(time.Second), l),
		wrapper.Compose(retry.New(), s),
	} {
		ran := false
		err := w.Do(ctx, func(context.Context) error { ran = true; return nil })
		assert.ErrorIs(t, err, context.Canceled, "%v", w)
		assert.False(t, ran, "%v", w)
	}
	assert.True(t, l.Allow(), "a token was taken")
	assert.Zero(t, s.Held())
}

func TestATimeoutIsAFailureIfTheAttemptHadAtLeastHalfOfIt(t *testing.T) {
	tests := []struct {
		waits time.Duration
		want  breaker.State
	}{{0, breaker.Open}, {400 * time.Millisecond, breaker.Open}, {500 * time.Millisecond, breaker.Open}, {501 * time.Millisecond, breaker.Closed}}
	for _, tt := range tests {
		t.Run(tt.waits.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := breaker.New(breaker.ConsecutiveFailures(1)), semaphore.New(1)
				w := wrapper.Compose(wrapper.Timeout(time.Second), b, s)
				require.NoError(t, s.Acquire(t.Context(), 1))
				time.AfterFunc(tt.waits, func() { s.Release(1) })
				synctest.Wait()
				begin := time.Now()
				assert.ErrorIs(t, w.Do(t.Context(), hanging), wrapper.ErrTimeout)
				assert.Equal(t, time.Second, time.Since(begin))
				assert.Equal(t, tt.want, b.State())
			})
		})
	}
}

// ending is a foreign limiter during whose wait the context ends.
type ending struct{ cancel context.CancelFunc }

func (e ending) Wait(context.Context) error { e.cancel(); return nil }

func TestATimeoutOfAnEarlierAttemptIsNotThatOfTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(2))
		w := wrapper.Compose(wrapper.Timeout(10*time.Second), retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))), b,
			wrapper.AttemptTimeout(8*time.Second))
		attempts := 0
		err := w.Do(t.Context(), func(ctx context.Context) error {
			if attempts++; attempts == 1 {
				time.Sleep(6 * time.Second)
				return errBoom
			}
			return hanging(ctx)
		})
		assert.ErrorIs(t, err, wrapper.ErrTimeout)
		assert.Equal(t, 2, attempts)
		assert.Equal(t, breaker.Closed, b.State(), "the second had less than half of what ended it, and is no failure")
	})
}

func TestACallWhoseContextEndsAsTheLastGateOpensDoesNotBegin(t *testing.T) {
	for _, outside := range []wrapper.Layer{breaker.New(), wrapper.Compose()} {
		ctx, cancel := context.WithCancel(t.Context())
		l, s := ratelimit.New(ratelimit.PerHour(1), 5), semaphore.New(1)
		w := wrapper.Compose(outside, l, s, wrapper.Limiter(ending{cancel}))
		assert.Equal(t, context.Canceled, w.Do(ctx, func(context.Context) error { t.Error("it ran"); return nil }))
		assert.Zero(t, s.Held())
		assert.InDelta(t, 5, l.Tokens(), 0.1)
	}
}

func TestAPanicEndsTheContextOfAnAttempt(t *testing.T) {
	var ctx context.Context
	w := wrapper.Compose(retry.New(retry.AttemptTimeout(time.Hour)))
	assert.Panics(t, func() {
		_ = w.Do(t.Context(), func(c context.Context) error { ctx = c; panic("boom") })
	})
	assert.Error(t, ctx.Err())
}
