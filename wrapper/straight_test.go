package wrapper_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestACallThatWaitsForAPermitHasPaidItsTokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := ratelimit.New(ratelimit.PerHour(1), 5), semaphore.New(1)
		w := wrapper.Compose(retry.New(), breaker.New(), l, s)
		require.NoError(t, s.Acquire(t.Context(), 1))
		time.AfterFunc(time.Second, func() { s.Release(1) })
		start := time.Now()
		got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 7, nil })
		require.NoError(t, err)
		assert.Equal(t, 7, got)
		assert.Equal(t, time.Second, time.Since(start))
		assert.InDelta(t, 4, l.Tokens(), 0.01)

		require.NoError(t, s.Acquire(t.Context(), 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = wrapper.Do(ctx, w, func(context.Context) (int, error) { return 7, nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.InDelta(t, 4, l.Tokens(), 0.01, "one that waited in vain has it back")
	})
}

func TestTheFirstAttemptIsOneOfTheRetrysAttempts(t *testing.T) {
	var told []int
	r := retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(0)), retry.On(retry.Events{
		Retry: func(e retry.Retry) { told = append(told, e.Attempt) },
	}))
	l, b := ratelimit.New(ratelimit.PerHour(1), 10), breaker.New(breaker.ConsecutiveFailures(5))
	w := wrapper.Compose(r, b, l, semaphore.New(1))
	var numbers []int
	call := func(ctx context.Context) (int, error) {
		numbers = append(numbers, wrapper.Attempt(ctx))
		return len(numbers), errBoom
	}
	got, err := wrapper.Do(t.Context(), w, call)
	require.ErrorIs(t, err, retry.ErrExhausted)
	assert.Zero(t, got, "on an error there is no result")
	assert.Equal(t, []int{1, 2, 3}, numbers)
	assert.Equal(t, []int{1, 2}, told)
	assert.EqualValues(t, 3, b.Stats().ConsecutiveFailures)
	assert.InDelta(t, 7, l.Tokens(), 0.01)

	numbers, w = nil, wrapper.Compose(r, semaphore.New(1))
	_ = retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))).Do(t.Context(), func(ctx context.Context) error {
		_, err := wrapper.Do(ctx, w, call)
		return err
	})
	assert.Equal(t, []int{1, 2, 3, 1, 2, 3}, numbers, "also inside another retry")
}

func TestACallWithoutARetryHasItsOwnError(t *testing.T) {
	w := wrapper.Compose(breaker.New(), semaphore.New(1))
	got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 7, errBoom })
	assert.Equal(t, errBoom, err)
	assert.Zero(t, got)
}

func TestACallThatAsksItsContextLearnsOfTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(wrapper.Timeout(time.Second), semaphore.New(1))
		asks := func(ctx context.Context) (int, error) {
			require.NoError(t, ctx.Err())
			time.Sleep(time.Second)
			return 0, ctx.Err() // nobody has listened to it
		}
		_, err := wrapper.Do(t.Context(), w, asks)
		require.ErrorIs(t, err, wrapper.ErrTimeout)
		require.ErrorIs(t, w.Do(t.Context(), func(ctx context.Context) error { _, err := asks(ctx); return err }), wrapper.ErrTimeout)
	})
}

func TestABreakerJudgesByTheContextOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		b := breaker.New(breaker.Classify(func(ctx context.Context, _ error) breaker.Outcome {
			seen = append(seen, ctx.Err())
			return breaker.Failure
		}))
		for _, gates := range [][]wrapper.Layer{nil, {wrapper.Semaphore(semaphore.New(1))}} {
			w := wrapper.Compose(append([]wrapper.Layer{wrapper.Timeout(time.Second), b}, gates...)...)
			require.ErrorIs(t, w.Do(t.Context(), hanging), wrapper.ErrTimeout)
		}
		assert.Equal(t, []error{nil, nil}, seen, "which our own timeout does not end")
	})
}

// TestNothingIsLostWhileABreakerFlaps has calls meet a breaker that opens between
// their asking it and their entering it.
func TestNothingIsLostWhileABreakerFlaps(t *testing.T) {
	const burst = 1_000_000
	b := breaker.New(breaker.ConsecutiveFailures(1000), breaker.HalfOpenProbes(1))
	l, s := ratelimit.New(ratelimit.PerHour(1), burst), semaphore.New(2)
	plain := wrapper.Compose(retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))), b, l, s)
	timed := wrapper.Compose(wrapper.Timeout(time.Hour), b, l, s)
	var begun, refused atomic.Int64
	call := func(context.Context) (int, error) {
		if begun.Add(1)%100 == 0 {
			panic(errBoom)
		}
		return 1, nil
	}
	var callers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		callers.Go(func() {
			w := []*wrapper.Wrapper{plain, timed}[i%2]
			for ran := 0; ran < 1000; {
				var err error
				testkit.Run(func() { _, err = wrapper.Do(t.Context(), w, call) })
				if err == nil { // or a panic has passed
					ran++
				} else {
					refused.Add(1)
					runtime.Gosched() // to whoever closes the breaker again
				}
			}
		})
	}
	var flapper sync.WaitGroup
	flapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				b.ForceOpen(nil)
				b.Reset()
			}
		}
	})
	callers.Wait()
	close(stop)
	flapper.Wait()
	assert.Zero(t, s.Held())
	assert.Zero(t, plain.Stats().Running)
	assert.Zero(t, timed.Stats().Running)
	assert.InDelta(t, burst-float64(begun.Load()), l.Tokens(), 1, "a token a call that began, and none for those refused")
	t.Logf("%d began, %d were refused", begun.Load(), refused.Load()) // how many is up to the processors
}
