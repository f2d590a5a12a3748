package semaphore_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// allOf starts an AcquireAll and returns its error and, later, its number.
func allOf(t *testing.T, ctx context.Context, s *semaphore.Semaphore) (<-chan error, *int64) { //nolint:revive // t comes first in tests
	t.Helper()
	n := new(int64)
	return waiterOf(t, func() (err error) {
		*n, err = s.AcquireAll(ctx)
		return err
	}), n
}

func TestAcquireAllExcludesEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		require.True(t, s.TryAcquire(2))
		all, n := allOf(t, t.Context(), s)
		s.Release(1)
		requireBlocked(t, all)
		s.Release(1)
		require.NoError(t, requireDone(t, all))
		assert.EqualValues(t, 3, *n)
		assert.False(t, s.TryAcquire(1))
		s.Release(*n)
		requireState(t, s, 0, 0)
	})
}

func TestAcquireAllOfAFreeSemaphoreDoesNotWait(t *testing.T) {
	s := semaphore.New(3)
	n, err := s.AcquireAll(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3, n)
	s.Release(n)
	n, ok := s.TryAcquireAll()
	assert.True(t, ok)
	assert.EqualValues(t, 3, n)
	s.Release(1)
	n, ok = s.TryAcquireAll()
	assert.False(t, ok)
	assert.Zero(t, n)
	requireState(t, s, 2, 0)
}

// With permits taken one by one, two callers would each hold a part of them.
func TestTwoAcquireAllCannotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(4)
		require.True(t, s.TryAcquire(1))
		one, n := allOf(t, t.Context(), s)
		two, m := allOf(t, t.Context(), s)
		s.Release(1)
		require.NoError(t, requireDone(t, one))
		requireBlocked(t, two)
		s.Release(*n)
		require.NoError(t, requireDone(t, two))
		s.Release(*m)
		requireState(t, s, 0, 0)
	})
}

func TestAcquireAllFollowsSetLimit(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}} {
		for _, limit := range []int64{1, 2, 3, 9} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(3, opts...)
					require.True(t, s.TryAcquire(2))
					all, n := allOf(t, t.Context(), s)
					s.SetLimit(limit)
					requireBlocked(t, all)
					s.Release(2)
					require.NoError(t, requireDone(t, all), "lowering it is no reason to fail")
					assert.Equal(t, limit, *n)
					requireState(t, s, limit, 0)
				})
			})
		}
	}
}

func TestSetLimitWhileEverythingIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		one, err := s.AcquireAll(t.Context())
		require.NoError(t, err)
		two, n := allOf(t, t.Context(), s)
		s.SetLimit(5)
		requireBlocked(t, two) // it wants those that were there before, too
		assert.True(t, s.TryAcquire(2), "what was added is free")
		assert.False(t, s.TryAcquire(1))
		s.SetLimit(2)
		s.Release(one)
		requireBlocked(t, two)
		requireState(t, s, 2, 1)
		s.Release(2)
		require.NoError(t, requireDone(t, two))
		assert.EqualValues(t, 2, *n)
		s.SetLimit(4)
		s.Release(*n)
		requireState(t, s, 0, 0)
		assert.EqualValues(t, 4, s.Available())
	})
}

func TestAcquireAllIsNotOvertakenWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(10)
		require.True(t, s.TryAcquire(1))
		all, _ := allOf(t, t.Context(), s)
		overtakes := 0
		for range 100 {
			if s.TryAcquire(1) {
				overtakes++
				s.Release(1)
			}
		}
		assert.Equal(t, 16, overtakes)
		s.Release(1)
		require.NoError(t, requireDone(t, all))
	})
}

func TestACancelledAcquireAllLeavesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3, semaphore.FIFO())
		require.True(t, s.TryAcquire(1))
		ctx, cancel := context.WithCancel(t.Context())
		all, n := allOf(t, ctx, s)
		next := waiterOf(t, func() error { return s.Acquire(t.Context(), 2) })
		cancel()
		assert.Equal(t, context.Canceled, requireDone(t, all))
		assert.Zero(t, *n)
		require.NoError(t, requireDone(t, next))
		requireState(t, s, 3, 0)
	})
}

func TestReleaseAllRevokesPermitsAlone(t *testing.T) {
	s := semaphore.New(10)
	require.True(t, s.TryAcquire(2)) // no handle: stays
	var permits []*semaphore.Permit
	for n := range int64(3) {
		p, err := s.Permit(t.Context(), n+1)
		require.NoError(t, err)
		permits = append(permits, p)
	}
	permits[0].Release()
	requireState(t, s, 7, 0)
	assert.EqualValues(t, 5, s.ReleaseAll())
	requireState(t, s, 2, 0)
	for _, p := range permits {
		assert.False(t, p.Held())
		p.Release() // does nothing now
	}
	requireState(t, s, 2, 0)
	assert.Zero(t, s.ReleaseAll())

	p, ok := s.TryPermit(8) // of the time after
	require.True(t, ok)
	assert.True(t, p.Held())
	permits[1].Release()
	requireState(t, s, 10, 0)
	p.Release()
	requireState(t, s, 2, 0)
}

func TestReleaseAllServesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2)
		p, ok := s.TryPermit(2)
		require.True(t, ok)
		waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 2) })
		assert.EqualValues(t, 2, s.ReleaseAll())
		require.NoError(t, requireDone(t, waiter))
		p.Release()
		requireState(t, s, 2, 0)
	})
}
