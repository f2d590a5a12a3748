package semaphore_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

func TestStatsTellHowItWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2, semaphore.Counted(), semaphore.MaxWait(10*time.Second), semaphore.MaxWaiters(2))
		require.NoError(t, s.Acquire(t.Context(), 1))                // 1
		require.NoError(t, s.AcquirePriority(t.Context(), 1, 3))     // 2
		require.Error(t, s.Acquire(t.Context(), 3))                  // too large
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) //
		defer cancel()
		require.Error(t, s.Acquire(ctx, 1)) // cancelled after 1 s
		require.Error(t, s.Acquire(ctx, 1)) // was done before: not counted
		waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		time.Sleep(3 * time.Second)
		s.Release(1)
		require.NoError(t, requireDone(t, waiter)) // 3, after 3 s
		require.Error(t, s.Acquire(t.Context(), 1))
		assert.False(t, s.TryAcquire(1), "no rejection, only an answer")
		assert.Equal(t, semaphore.Stats{
			Limit: 2, Held: 2, Acquired: 3, Waits: 3, Rejected: 2, Cancelled: 1,
			WaitTotal: 14 * time.Second, WaitMax: 10 * time.Second,
		}, s.Stats())

		s.Release(2)
		require.True(t, s.TryAcquire(2)) // 4
		s.Release(2)
		n, ok := s.TryAcquireAll() // 5
		require.True(t, ok)
		s.Release(n)
		n, err := s.AcquireAll(t.Context()) // 6
		require.NoError(t, err)
		s.Release(n)
		p, ok := s.TryPermit(1) // 7
		require.True(t, ok)
		p.Release()
		require.NoError(t, s.Do(t.Context(), func(context.Context) error { return nil })) // 8
		assert.EqualValues(t, 8, s.Stats().Acquired)
	})
}

func TestStatsSayThatAcquisitionsAreNotCounted(t *testing.T) {
	s := semaphore.New(1)
	require.NoError(t, s.Acquire(t.Context(), 1))
	assert.EqualValues(t, -1, s.Stats().Acquired)
}

func TestEventsTellOfRejectionsAndLongWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *semaphore.Semaphore
		var mu sync.Mutex
		var rejected, long []semaphore.Event
		note := func(list *[]semaphore.Event) func(semaphore.Event) {
			return func(e semaphore.Event) {
				s.Stats() // a callback may call back: no lock is held
				s.SetLimit(s.Limit())
				mu.Lock()
				defer mu.Unlock()
				*list = append(*list, e)
			}
		}
		s = semaphore.New(3, semaphore.MaxWaiters(2), semaphore.MaxWait(time.Minute), semaphore.LongWait(2*time.Second),
			semaphore.On(semaphore.Events{Rejected: note(&rejected), LongWait: note(&long)}))

		require.NoError(t, s.Acquire(t.Context(), 3))
		require.Error(t, s.Acquire(t.Context(), 4))
		require.Error(t, s.AcquirePriority(t.Context(), 5, 2))
		first := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
		second := waiterOf(t, func() error { _, err := s.AcquireAll(t.Context()); return err })
		require.Error(t, s.Acquire(t.Context(), 2))
		time.Sleep(2*time.Second - 1)
		s.Release(1)
		require.NoError(t, requireDone(t, first)) // not long
		require.Error(t, requireDoneAfter(t, second, time.Minute))
		s.Close()
		require.Error(t, s.Acquire(t.Context(), 1))

		assert.Equal(t, []semaphore.Event{
			{N: 4, Err: semaphore.ErrTooLarge},
			{N: 5, Priority: 2, Err: semaphore.ErrTooLarge},
			{N: 2, Err: semaphore.ErrQueueFull},
			{N: 3, Waited: time.Minute, Err: semaphore.ErrWaitTimeout},
			{N: 1, Err: semaphore.ErrClosed},
		}, rejected)
		assert.Equal(t, []semaphore.Event{{N: 3, Waited: time.Minute, Err: semaphore.ErrWaitTimeout}}, long)
	})
}

func TestALongWaitThatEndsWellIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []semaphore.Event
		s := semaphore.New(1, semaphore.On(semaphore.Events{LongWait: func(e semaphore.Event) { got = append(got, e) }}))
		require.True(t, s.TryAcquire(1))
		waiter := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, 4) })
		time.Sleep(time.Second) // the default
		s.Release(1)
		require.NoError(t, requireDone(t, waiter))
		assert.Equal(t, []semaphore.Event{{N: 1, Priority: 4, Waited: time.Second}}, got)
	})
}

func TestALaterOnReplacesAnEarlierOne(t *testing.T) {
	s := semaphore.New(1,
		semaphore.On(semaphore.Events{Rejected: func(semaphore.Event) { panic("replaced") }}),
		semaphore.On(semaphore.Events{}))
	require.Error(t, s.Acquire(t.Context(), 2))
}

// requireDoneAfter passes time and then returns the result.
func requireDoneAfter(t *testing.T, done <-chan error, d time.Duration) error {
	t.Helper()
	time.Sleep(d)
	return requireDone(t, done)
}
