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

func TestShareBadInputPanics(t *testing.T) {
	for want, do := range map[string]func(){
		"semaphore: Share must be between 1 and 100 percent, got 0":       func() { semaphore.Share(1, 0) },
		"semaphore: Share must be between 1 and 100 percent, got 101":     func() { semaphore.Share(1, 101) },
		"semaphore: priority must be between -1000 and 1000, got 1001":    func() { semaphore.Share(1001, 5) },
		"semaphore: Share of priority 2 is given twice":                   func() { semaphore.New(1, semaphore.Share(2, 5), semaphore.Share(2, 6)) },
		"semaphore: Shares must be at most 100 percent together, got 110": func() { semaphore.New(1, semaphore.Share(2, 50), semaphore.Share(1, 60)) },
	} {
		assert.PanicsWithValue(t, want, do)
	}
}

// lanesOf runs callers of each priority, who want n permits each time and hold
// them for a millisecond, for a while, and returns how many permits each
// priority got.
func lanesOf(t *testing.T, s *semaphore.Semaphore, n map[int]int64) map[int]int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var mu sync.Mutex
	got := map[int]int64{}
	var wg sync.WaitGroup
	for prio, want := range n {
		for range 8 { // more than there are permits, so that each lane is never empty
			wg.Go(func() {
				for s.AcquirePriority(ctx, want, prio) == nil {
					mu.Lock()
					got[prio] += want
					mu.Unlock()
					time.Sleep(time.Millisecond)
					s.Release(want)
				}
			})
		}
	}
	wg.Wait()
	requireState(t, s, 0, 0)
	return got
}

// TestShareGuaranteesAPartOfWhatIsHandedOut has three priorities that all want
// more than there is: without shares the highest takes everything.
func TestShareGuaranteesAPartOfWhatIsHandedOut(t *testing.T) {
	tests := []struct {
		name   string
		opts   []semaphore.Option
		n      map[int]int64
		atMost map[int]float64 // percent
		least  map[int]float64
	}{
		{"no share", nil, map[int]int64{0: 1, 5: 1, 9: 1}, map[int]float64{0: 1, 5: 1}, nil},
		{
			"one share", []semaphore.Option{semaphore.Share(0, 20)}, map[int]int64{0: 1, 5: 1, 9: 1},
			map[int]float64{0: 21, 5: 1}, map[int]float64{0: 19.5, 9: 78},
		},
		{
			"two shares", []semaphore.Option{semaphore.Share(0, 10), semaphore.Share(5, 30)}, map[int]int64{0: 1, 5: 1, 9: 1},
			map[int]float64{0: 11, 5: 31}, map[int]float64{0: 9.5, 5: 29.5, 9: 58},
		},
		{
			"requests of different sizes", []semaphore.Option{semaphore.Share(0, 25)}, map[int]int64{0: 3, 9: 1},
			map[int]float64{0: 27}, map[int]float64{0: 24.5},
		},
		{
			"all of it is shared", []semaphore.Option{semaphore.Share(0, 50), semaphore.Share(9, 50)}, map[int]int64{0: 1, 9: 1},
			map[int]float64{0: 51, 9: 51}, nil,
		},
		{
			"the highest has a share too, and does not owe for what it has besides", []semaphore.Option{semaphore.Share(9, 50)}, map[int]int64{0: 1, 9: 1},
			map[int]float64{0: 1}, map[int]float64{9: 99},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := lanesOf(t, semaphore.New(4, tt.opts...), tt.n)
				sum := int64(0)
				for _, n := range got {
					sum += n
				}
				for prio, percent := range tt.atMost {
					assert.LessOrEqual(t, 100*float64(got[prio])/float64(sum), percent, "priority %d", prio)
				}
				for prio, percent := range tt.least {
					assert.GreaterOrEqual(t, 100*float64(got[prio])/float64(sum), percent, "priority %d", prio)
				}
			})
		})
	}
}

func TestAShareThatIsNotClaimedGoesToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(4, semaphore.Share(0, 90))
		got := lanesOf(t, s, map[int]int64{9: 1})
		assert.Greater(t, got[9], int64(7900), "4 permits, 2000 ms")
	})
}

// A caller with a share is served after a bounded number of others, from its
// first wait on: 100/percent of them.
func TestShareBoundsStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.Share(0, 10))
		require.True(t, s.TryAcquire(1))
		var r served
		var waiters []<-chan error
		low := waiterOf(t, func() error { defer r.add(-1); return s.AcquirePriority(t.Context(), 1, 0) })
		for i := range 30 {
			waiters = append(waiters, waiterOf(t, func() error { defer r.add(i); return s.AcquirePriority(t.Context(), 1, 9) }))
		}
		for range len(waiters) + 1 {
			s.Release(1)
			synctest.Wait()
		}
		require.NoError(t, requireDone(t, low))
		who := r.taken()
		require.Len(t, who, 31)
		assert.Equal(t, []int{0, -1, 1}, who[:3], "one is enough to be owed something")
	})
}

// Serving a newcomer may make the share of another due, who fits while the head
// does not: nobody else will look at the queue.
func TestAShareThatBecomesDueIsServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(4, semaphore.Share(0, 50))
		require.True(t, s.TryAcquire(2))
		large := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 4, 5) })
		low := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, 0) })
		requireBlocked(t, low)
		require.NoError(t, s.AcquirePriority(t.Context(), 1, 9), "goes before both")
		require.NoError(t, requireDone(t, low))
		requireState(t, s, 4, 1)
		s.Release(4)
		require.NoError(t, requireDone(t, large))
	})
}

// What a priority had beyond its share, when nobody else wanted it, is no debt.
func TestAShareOwesNothingForASurplus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.Share(9, 50))
		require.True(t, s.TryAcquire(1))
		var r served
		var all []<-chan error
		wait := func(prio int) {
			all = append(all, waiterOf(t, func() error { defer r.add(prio); return s.AcquirePriority(t.Context(), 1, prio) }))
		}
		serve := func(n int) []int {
			for range n {
				s.Release(1)
				synctest.Wait()
			}
			return r.taken()
		}
		for range 12 {
			wait(9)
		}
		serve(8)
		for range 8 {
			wait(20)
		}
		assert.Contains(t, serve(4), 9)
		serve(8)
		for _, done := range all {
			require.NoError(t, requireDone(t, done))
		}
	})
}

// TestMaxWaitEndsWaitsOfEveryPriority has a low priority time out behind a high
// one that keeps coming, and the one behind it served as if it had not been there.
func TestMaxWaitEndsWaitsOfEveryPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.MaxWait(time.Second), semaphore.Aging(time.Minute))
		require.True(t, s.TryAcquire(1))
		low := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, -1) })
		time.Sleep(600 * time.Millisecond)
		high := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, 1) })
		later := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, -1) })
		time.Sleep(400 * time.Millisecond)
		assert.Equal(t, semaphore.ErrWaitTimeout, requireDone(t, low), "a second after it came")
		requireState(t, s, 1, 2)
		s.Release(1)
		require.NoError(t, requireDone(t, high))
		requireBlocked(t, later)
		s.Release(1)
		require.NoError(t, requireDone(t, later))
		s.Release(1)
		requireState(t, s, 0, 0)
	})
}
