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

// What SetLimit adds while everything is taken is taken, too, until the holder
// gives the first permit back.
func TestAcquireAllExcludesWhatSetLimitAdds(t *testing.T) {
	for _, v := range []struct {
		name   string
		before func(s *semaphore.Semaphore)
	}{
		{"a new one", func(*semaphore.Semaphore) {}},
		{"one that was resized", func(s *semaphore.Semaphore) { s.SetLimit(9); s.SetLimit(3) }},
	} {
		for name, take := range map[string]func(s *semaphore.Semaphore) int64{
			"AcquireAll":    func(s *semaphore.Semaphore) int64 { n, _ := s.AcquireAll(context.Background()); return n },
			"TryAcquireAll": func(s *semaphore.Semaphore) int64 { n, _ := s.TryAcquireAll(); return n },
			"out of the queue": func(s *semaphore.Semaphore) (n int64) {
				s.TryAcquire(1)
				done := make(chan struct{})
				go func() { n, _ = s.AcquireAll(context.Background()); close(done) }()
				synctest.Wait()
				s.Release(1)
				<-done
				return n
			},
		} {
			t.Run(v.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(3)
					v.before(s)
					n := take(s)
					require.EqualValues(t, 3, n)
					waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
					s.SetLimit(5)
					requireBlocked(t, waiter)
					assert.False(t, s.TryAcquire(1), "what was added is taken, too")
					_, ok := s.TryAcquireAll()
					assert.False(t, ok)
					requireState(t, s, 5, 1)
					assert.Zero(t, s.Available())
					s.SetLimit(2) // it drains
					requireState(t, s, 3, 1)
					s.SetLimit(7)
					requireBlocked(t, waiter)
					requireState(t, s, 7, 1)

					assert.Panics(t, func() { s.Release(4) }, "what was added is not for release")
					requireBlocked(t, waiter)
					requireState(t, s, 7, 1)

					s.Release(1) // the rest of 3 stays held, and 5 are free
					require.NoError(t, requireDone(t, waiter))
					requireState(t, s, 3, 0)
					assert.EqualValues(t, 4, s.Available())
					s.Release(3)
					requireState(t, s, 0, 0)
				})
			})
		}
	}
}

func TestSetLimitWhileTwoWantEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		one, err := s.AcquireAll(t.Context())
		require.NoError(t, err)
		two, n := allOf(t, t.Context(), s)
		s.SetLimit(5)
		requireBlocked(t, two)
		s.SetLimit(2)
		s.Release(one)
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

// Somebody released past a Permit: neither ReleaseAll nor its Release can be.
func TestAReleasePastAPermitIsFoundWithoutHarm(t *testing.T) {
	s := semaphore.New(4)
	p, ok := s.TryPermit(2)
	require.True(t, ok)
	s.Release(1) // a mistake
	assert.PanicsWithValue(t, "semaphore: released 2 permits, but only 1 are held", func() { s.ReleaseAll() })
	assert.True(t, p.Held(), "nothing was revoked")
	requireState(t, s, 1, 0)
	assert.PanicsWithValue(t, "semaphore: released 2 permits, but only 1 are held", p.Release)
	assert.True(t, p.Held(), "nor released")
	requireState(t, s, 1, 0)
	require.True(t, s.TryAcquire(1)) // makes up for it
	p.Release()
	assert.False(t, p.Held())
	requireState(t, s, 0, 0)
	assert.Zero(t, s.ReleaseAll())
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

// TestCloseUnderAnAcquireAll has one with everything, also what SetLimit added,
// and one behind it, when the semaphore is closed.
func TestCloseUnderAnAcquireAll(t *testing.T) {
	for _, limit := range []int64{2, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := semaphore.New(3)
			n, err := s.AcquireAll(t.Context())
			require.NoError(t, err)
			s.SetLimit(limit)
			behind := waiterOf(t, func() error { _, err := s.AcquireAll(t.Context()); return err })
			s.Close()
			require.Equal(t, semaphore.ErrClosed, requireDone(t, behind))
			_, err = s.AcquireAll(t.Context())
			require.Equal(t, semaphore.ErrClosed, err)
			_, ok := s.TryAcquireAll()
			require.False(t, ok)
			s.Release(1)
			s.Release(n - 1)
			assert.Zero(t, s.Held())
			assert.False(t, s.TryAcquire(1), "closed, whatever came back")
			assert.Panics(t, func() { s.Release(1) })
		})
	}
}
