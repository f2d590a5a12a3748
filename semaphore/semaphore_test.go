package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// requireState checks the figures that must always add up.
func requireState(t *testing.T, s *semaphore.Semaphore, held int64, waiting int) {
	t.Helper()
	st := s.Stats()
	require.Equal(t, held, st.Held, "held")
	require.Equal(t, waiting, st.Waiting, "waiting")
	require.Equal(t, max(st.Limit-held, 0), st.Available, "available")
	require.Equal(t, []int64{st.Limit, st.Held, st.Available, int64(st.Waiting)},
		[]int64{s.Limit(), s.Held(), s.Available(), int64(s.Waiting())}, "Stats and the methods agree")
}

func TestAcquireAndReleaseCountPermits(t *testing.T) {
	s := semaphore.New(10)
	requireState(t, s, 0, 0)
	require.NoError(t, s.Acquire(t.Context(), 3))
	requireState(t, s, 3, 0)
	require.True(t, s.TryAcquire(7))
	requireState(t, s, 10, 0)
	assert.False(t, s.TryAcquire(1))
	s.Release(4)
	requireState(t, s, 6, 0)
	assert.False(t, s.TryAcquire(5))
	assert.True(t, s.TryAcquire(4))
	s.Release(10)
	requireState(t, s, 0, 0)
}

func TestBadInputPanicsWithTheFix(t *testing.T) {
	s := semaphore.New(1)
	tests := []struct {
		name string
		do   func()
		want string
	}{
		{"New 0", func() { semaphore.New(0) }, "semaphore: limit must be between 1 and 9007199254740991, got 0"},
		{"New -1", func() { semaphore.New(-1) }, "semaphore: limit must be between 1 and 9007199254740991, got -1"},
		{"New above MaxLimit", func() { semaphore.New(semaphore.MaxLimit + 1) }, "semaphore: limit must be between 1 and 9007199254740991, got 9007199254740992"},
		{"SetLimit 0", func() { s.SetLimit(0) }, "semaphore: limit must be between 1 and 9007199254740991, got 0"},
		{"Acquire -1", func() { _ = s.Acquire(t.Context(), -1) }, "semaphore: n must be at least 0, got -1"},
		{"AcquirePriority -1", func() { _ = s.AcquirePriority(t.Context(), -1, 0) }, "semaphore: n must be at least 0, got -1"},
		{"AcquirePriority too low", func() { _ = s.AcquirePriority(t.Context(), 1, -1001) }, "semaphore: priority must be between -1000 and 1000, got -1001"},
		{"AcquirePriority too high", func() { _ = s.AcquirePriority(t.Context(), 1, 1001) }, "semaphore: priority must be between -1000 and 1000, got 1001"},
		{"TryAcquire -1", func() { s.TryAcquire(-1) }, "semaphore: n must be at least 0, got -1"},
		{"Release -1", func() { s.Release(-1) }, "semaphore: n must be at least 0, got -1"},
		{"Release of what nobody holds", func() { s.Release(1) }, "semaphore: released 1 permits, but only 0 are held"},
		{"Permit -1", func() { _, _ = s.Permit(t.Context(), -1) }, "semaphore: n must be at least 0, got -1"},
		{"TryPermit -1", func() { s.TryPermit(-1) }, "semaphore: n must be at least 0, got -1"},
		{"Do nil", func() { _ = s.Do(t.Context(), nil) }, "semaphore: fn must not be nil"},
		{"Do[T] nil", func() { _, _ = semaphore.Do[int](t.Context(), s, nil) }, "semaphore: fn must not be nil"},
		{"MaxWaiters", func() { semaphore.MaxWaiters(-1) }, "semaphore: MaxWaiters must be at least 0, got -1"},
		{"MaxWait", func() { semaphore.MaxWait(0) }, "semaphore: MaxWait must be positive, got 0s"},
		{"Aging", func() { semaphore.Aging(-time.Second) }, "semaphore: Aging must be positive, got -1s"},
		{"LongWait", func() { semaphore.LongWait(0) }, "semaphore: LongWait must be positive, got 0s"},
		{"LIFO and FIFO", func() { semaphore.New(1, semaphore.LIFO(), semaphore.FIFO()) }, "semaphore: LIFO cannot be combined with FIFO or Aging"},
		{"LIFO and Aging", func() { semaphore.New(1, semaphore.LIFO(), semaphore.Aging(1)) }, "semaphore: LIFO cannot be combined with FIFO or Aging"},
		{"NewWeighted", func() { semaphore.NewWeighted(-1) }, "semaphore: size must be at least 0, got -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.PanicsWithValue(t, tt.want, tt.do)
			requireState(t, s, 0, 0)
		})
	}
}

func TestOverReleasePanicsAndLeavesTheStateAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(5)
		require.True(t, s.TryAcquire(2))
		assert.Panics(t, func() { s.Release(3) })
		assert.Panics(t, func() { s.Release(math.MaxInt64) })
		requireState(t, s, 2, 0)

		waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 5) })
		assert.Panics(t, func() { s.Release(3) }, "with somebody in the queue")
		requireState(t, s, 2, 1)
		s.Release(2)
		require.NoError(t, requireDone(t, waiter))
		s.Release(5)
	})
}

func TestNoPermitsAreFree(t *testing.T) {
	s := semaphore.New(1)
	require.True(t, s.TryAcquire(1))
	require.NoError(t, s.Acquire(t.Context(), 0))
	require.NoError(t, s.AcquirePriority(t.Context(), 0, 3))
	assert.True(t, s.TryAcquire(0))
	s.Release(0)
	requireState(t, s, 1, 0)
}

func TestARequestAboveTheLimitFailsAtOnce(t *testing.T) {
	s := semaphore.New(8)
	assert.Equal(t, semaphore.ErrTooLarge, s.Acquire(t.Context(), 9))
	assert.Equal(t, semaphore.ErrTooLarge, s.Acquire(t.Context(), math.MaxInt64))
	assert.Equal(t, semaphore.ErrTooLarge, s.AcquirePriority(t.Context(), 9, 1))
	assert.False(t, s.TryAcquire(9))
	assert.False(t, s.TryAcquire(math.MaxInt64))
	requireState(t, s, 0, 0)
}

func TestADoneContextWinsOverAFreePermitAndChangesNothing(t *testing.T) {
	s := semaphore.New(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.True(t, s.Acquire(ctx, 1) == context.Canceled, "ctx.Err() itself") //nolint:errorlint,testifylint // identity is the promise
	assert.Equal(t, context.Canceled, s.Acquire(ctx, 0))
	assert.Equal(t, context.Canceled, s.Acquire(ctx, 3))
	assert.Equal(t, context.Canceled, s.AcquirePriority(ctx, 1, 1))
	_, err := s.AcquireAll(ctx)
	assert.Equal(t, context.Canceled, err)
	_, err = s.Permit(ctx, 1)
	assert.Equal(t, context.Canceled, err)
	assert.Equal(t, context.Canceled, s.Do(ctx, func(context.Context) error { panic("must not run") }))
	requireState(t, s, 0, 0)
	assert.Equal(t, semaphore.New(2).Stats(), s.Stats())
}

func TestTheErrorMatchesTheContextAndItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		why := errors.New("the client hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		waiter := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
		cancel(why)
		err := requireDone(t, waiter)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
		err = s.Acquire(ctx, 1)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestACancelledWaiterTakesNothingAndFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3, semaphore.FIFO())
		require.True(t, s.TryAcquire(2))
		ctx, cancel := context.WithCancel(t.Context())
		large := waiterOf(t, func() error { return s.Acquire(ctx, 3) })
		small := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		requireState(t, s, 2, 2)
		cancel() // the head leaves: what it could not use is for those behind it
		assert.Equal(t, context.Canceled, requireDone(t, large))
		require.NoError(t, requireDone(t, small))
		requireState(t, s, 3, 0)
		assert.EqualValues(t, 1, s.Stats().Cancelled)
		s.Release(3)
	})
}

func TestADeadlineEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		assert.Equal(t, context.DeadlineExceeded, s.Acquire(ctx, 1))
		assert.Equal(t, time.Minute, time.Since(began))
		requireState(t, s, 1, 0)
	})
}

func TestMaxWaitersRefusesOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.MaxWaiters(2))
		require.True(t, s.TryAcquire(1))
		first := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		second := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		assert.Equal(t, semaphore.ErrQueueFull, s.Acquire(t.Context(), 1))
		assert.Equal(t, semaphore.ErrQueueFull, s.AcquirePriority(t.Context(), 1, 9))
		requireState(t, s, 1, 2)
		s.Release(1)
		require.NoError(t, requireDone(t, first))
		s.Release(1)
		require.NoError(t, requireDone(t, second))
		s.Release(1)
		assert.EqualValues(t, 2, s.Stats().Rejected)
	})
}

func TestMaxWaitersZeroNeverWaits(t *testing.T) {
	s := semaphore.New(1, semaphore.MaxWaiters(0))
	require.NoError(t, s.Acquire(t.Context(), 1))
	assert.Equal(t, semaphore.ErrQueueFull, s.Acquire(t.Context(), 1))
	s.Release(1)
	require.NoError(t, s.Acquire(t.Context(), 1))
	s.Release(1)
}

func TestMaxWaitEndsEveryWaitAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.MaxWait(time.Second))
		require.True(t, s.TryAcquire(1))
		// The timer of a pooled waiter is used again, stopped and expired ones alike.
		for i := range 6 {
			began := time.Now()
			if i%2 == 0 {
				assert.Equal(t, semaphore.ErrWaitTimeout, s.Acquire(t.Context(), 1))
				assert.Equal(t, time.Second, time.Since(began))
				continue
			}
			time.AfterFunc(time.Second-1, func() { s.Release(1) })
			require.NoError(t, s.Acquire(t.Context(), 1))
			assert.Equal(t, time.Second-1, time.Since(began))
		}
		requireState(t, s, 1, 0)
		assert.EqualValues(t, 3, s.Stats().Rejected)
	})
}

func TestEverySentinelIsARejection(t *testing.T) {
	type rejection interface {
		Rejected() bool
		RetryAfter() time.Duration
	}
	for _, err := range []error{semaphore.ErrTooLarge, semaphore.ErrQueueFull, semaphore.ErrWaitTimeout, semaphore.ErrClosed} {
		var r rejection
		require.ErrorAs(t, fmt.Errorf("wrapped: %w", err), &r)
		assert.True(t, r.Rejected())
		assert.Zero(t, r.RetryAfter(), "unknown")
	}
}

func TestOneSemaphoreInTwoBubblesAndOutside(t *testing.T) {
	use := func(t *testing.T) {
		s := semaphore.New(1, semaphore.MaxWait(time.Hour))
		require.NoError(t, s.Acquire(t.Context(), 1))
		done := make(chan error)
		go func() { done <- s.Acquire(t.Context(), 1) }()
		s.Release(1)
		require.NoError(t, <-done)
		s.Release(1)
	}
	use(t)
	synctest.Test(t, use)
	synctest.Test(t, use)
	use(t)
}
