package semaphore_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

func TestAHigherLimitServesTheQueueAtOnce(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}, "lifo": {semaphore.LIFO()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := semaphore.New(1, opts...)
				require.True(t, s.TryAcquire(1))
				var waiters []<-chan error
				for range 4 {
					waiters = append(waiters, waiterOf(t, func() error { return s.Acquire(t.Context(), 1) }))
				}
				s.SetLimit(4)
				synctest.Wait()
				requireState(t, s, 4, 1)
				s.SetLimit(5)
				for _, w := range waiters {
					require.NoError(t, requireDone(t, w))
				}
				requireState(t, s, 5, 0)
				s.Release(5)
				assert.False(t, s.TryAcquire(6))
				assert.True(t, s.TryAcquire(5))
			})
		})
	}
}

func TestALowerLimitDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(10)
		require.True(t, s.TryAcquire(8))
		s.SetLimit(5)
		requireState(t, s, 8, 0)
		assert.False(t, s.TryAcquire(1))
		waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 2) })
		s.Release(3)
		requireState(t, s, 5, 1)
		requireBlocked(t, waiter)
		s.Release(1)
		requireBlocked(t, waiter)
		s.Release(1)
		require.NoError(t, requireDone(t, waiter))
		requireState(t, s, 5, 0)
		assert.Panics(t, func() { s.Release(6) })
		s.Release(5)
		assert.True(t, s.TryAcquire(5))
		assert.False(t, s.TryAcquire(1))
	})
}

func TestALowerLimitFailsWhoBecameTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(10, semaphore.FIFO())
		require.True(t, s.TryAcquire(4))
		wait := func(n int64) <-chan error {
			return waiterOf(t, func() error { return s.Acquire(t.Context(), n) })
		}
		large, fits, larger, small := wait(7), wait(5), wait(10), wait(1)
		s.SetLimit(5)
		assert.Equal(t, semaphore.ErrTooLarge, requireDone(t, large))
		assert.Equal(t, semaphore.ErrTooLarge, requireDone(t, larger))
		requireState(t, s, 4, 2)
		requireBlocked(t, small) // its turn has not come
		s.Release(4)
		require.NoError(t, requireDone(t, fits))
		s.Release(5)
		require.NoError(t, requireDone(t, small))
		s.Release(1)
		assert.EqualValues(t, 2, s.Stats().Rejected)
	})
}

// The impossible head is gone, so those behind it must be served with what is
// free: nobody else will look at the queue.
func TestALowerLimitServesThoseBehindAnImpossibleHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(10, semaphore.FIFO())
		require.True(t, s.TryAcquire(4))
		large := waiterOf(t, func() error { return s.Acquire(t.Context(), 10) })
		small := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		s.SetLimit(9)
		assert.Equal(t, semaphore.ErrTooLarge, requireDone(t, large))
		require.NoError(t, requireDone(t, small))
		s.Release(5)
	})
}

// SetLimit replaces the word while somebody is under way and the round of
// overtaking is half spent: nothing of that may be lost.
func TestSetLimitKeepsTheStateOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		require.True(t, s.TryAcquire(2))
		head := waiterOf(t, func() error { return s.Acquire(t.Context(), 3) })
		overtakes := 0
		for i := range 50 {
			if s.TryAcquire(1) {
				overtakes++
				s.Release(1)
			}
			s.SetLimit(4 - int64(i%2)) // 4 leaves 2 free, too few for the head
		}
		assert.Equal(t, 16, overtakes, "SetLimit starts no new round")
		requireBlocked(t, head)
		s.Release(2)
		require.NoError(t, requireDone(t, head))
	})
}

func TestSetLimitWhileTheHeadIsUnderWay(t *testing.T) {
	tests := []struct {
		name  string
		limit int64
		want  error
		held  int64
	}{
		{"up", 10, nil, 4},
		{"down, and it still fits", 4, nil, 4},
		{"down below what it wants", 3, semaphore.ErrTooLarge, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := semaphore.New(5)
				require.True(t, s.TryAcquire(5))
				ctx := newStall(t.Context())
				head := waiterOf(t, func() error { return s.Acquire(ctx, 4) })
				ctx.armed.Store(true)
				s.Release(5) // the head is woken
				synctest.Wait()
				require.True(t, s.TryAcquire(1))
				s.SetLimit(tt.limit)
				next := waiterOf(t, func() error { return s.Acquire(t.Context(), tt.limit) })
				close(ctx.gate)
				synctest.Wait()
				s.Release(1)
				assert.Equal(t, tt.want, requireDone(t, head))
				s.Release(tt.held)
				require.NoError(t, requireDone(t, next), "the wake-up was passed on")
				requireState(t, s, tt.limit, 0)
			})
		})
	}
}

func TestALimitMayBeAsLargeAsMaxLimit(t *testing.T) {
	s := semaphore.New(semaphore.MaxLimit)
	require.True(t, s.TryAcquire(semaphore.MaxLimit))
	assert.False(t, s.TryAcquire(1))
	s.SetLimit(1) // MaxLimit-1 below zero
	requireState(t, s, semaphore.MaxLimit, 0)
	assert.False(t, s.TryAcquire(1))
	s.Release(semaphore.MaxLimit - 1)
	requireState(t, s, 1, 0)
	s.SetLimit(semaphore.MaxLimit)
	assert.True(t, s.TryAcquire(semaphore.MaxLimit-1))
	assert.False(t, s.TryAcquire(1))
	s.Release(semaphore.MaxLimit)
	requireState(t, s, 0, 0)
}

func TestCloseFailsWhoWaitsAndWhoComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		p, ok := s.TryPermit(2)
		require.True(t, ok)
		waiters := []<-chan error{
			waiterOf(t, func() error { return s.Acquire(t.Context(), 3) }),
			waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, 4) }),
			waiterOf(t, func() error { return s.Acquire(t.Context(), 1) }),
			waiterOf(t, func() error { _, err := s.AcquireAll(t.Context()); return err }),
		}
		require.NoError(t, requireDone(t, waiters[1]), "one was free")
		s.Close()
		for _, w := range append(waiters[:1:1], waiters[2:]...) {
			assert.Equal(t, semaphore.ErrClosed, requireDone(t, w))
		}
		requireState(t, s, 3, 0)

		assert.Equal(t, semaphore.ErrClosed, s.Acquire(t.Context(), 1))
		assert.Equal(t, semaphore.ErrClosed, s.Acquire(t.Context(), 0))
		assert.Equal(t, semaphore.ErrClosed, s.AcquirePriority(t.Context(), 1, 1))
		assert.Equal(t, semaphore.ErrClosed, s.Do(t.Context(), func(context.Context) error { panic("must not run") }))
		_, err := s.AcquireAll(t.Context())
		assert.Equal(t, semaphore.ErrClosed, err)
		assert.False(t, s.TryAcquire(1))
		assert.False(t, s.TryAcquire(0))
		_, ok = s.TryAcquireAll()
		assert.False(t, ok)

		p.Release() // what is held is released as ever
		s.Release(1)
		requireState(t, s, 0, 0)
		s.SetLimit(7)
		s.Close()
		assert.False(t, s.TryAcquire(1), "closed it stays")
		requireState(t, s, 0, 0)
	})
}

func TestCloseWhileTheHeadIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		ctx := newStall(t.Context())
		head := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
		ctx.armed.Store(true)
		s.Release(1)
		synctest.Wait()
		s.Close()
		close(ctx.gate)
		assert.Equal(t, semaphore.ErrClosed, requireDone(t, head))
		requireState(t, s, 0, 0)
	})
}
