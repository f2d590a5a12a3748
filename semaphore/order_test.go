package semaphore_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// served notes who got permits, in order.
type served struct {
	mu  sync.Mutex
	who []int
}

func (r *served) add(who int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who = append(r.who, who)
}

// taken returns the list and empties it.
func (r *served) taken() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.who = nil }()
	return r.who
}

// request is one caller of a scenario; it arrives a millisecond after the one
// before it.
type request struct {
	n    int64
	prio int
}

// order has the requests queue up at a semaphore that is full, hands it back
// one step of permits after the other, and returns who was served, in order.
func order(t *testing.T, s *semaphore.Semaphore, step int64, requests []request) []int {
	t.Helper()
	limit := s.Limit()
	require.True(t, s.TryAcquire(limit))
	var r served
	for i, q := range requests {
		_ = waiterOf(t, func() error {
			err := s.AcquirePriority(t.Context(), q.n, q.prio)
			if err == nil {
				r.add(i)
			}
			return err
		})
		time.Sleep(time.Millisecond)
	}
	for held := limit; held > 0; held -= step {
		s.Release(step)
		synctest.Wait()
	}
	for s.Waiting() > 0 { // whoever is served holds on; make room for the next
		s.Release(step)
		synctest.Wait()
	}
	s.Release(s.Held())
	return r.taken()
}

func TestOrder(t *testing.T) {
	plain := []request{{1, 0}, {1, 0}, {1, 0}, {1, 0}}
	mixed := []request{{1, 0}, {1, 2}, {1, -1}, {1, 2}, {1, 7}, {1, 0}}
	tests := []struct {
		name     string
		opts     []semaphore.Option
		requests []request
		want     []int
	}{
		{"arrival", nil, plain, []int{0, 1, 2, 3}},
		{"arrival under FIFO", []semaphore.Option{semaphore.FIFO()}, plain, []int{0, 1, 2, 3}},
		{"the last first under LIFO", []semaphore.Option{semaphore.LIFO()}, plain, []int{3, 2, 1, 0}},
		{"priority, then arrival", nil, mixed, []int{4, 1, 3, 0, 5, 2}},
		{"priority, then arrival under FIFO", []semaphore.Option{semaphore.FIFO()}, mixed, []int{4, 1, 3, 0, 5, 2}},
		{"priority, then the last under LIFO", []semaphore.Option{semaphore.LIFO()}, mixed, []int{4, 3, 1, 5, 0, 2}},
		{"priority outweighs less waiting than it is worth", []semaphore.Option{semaphore.Aging(time.Second)}, mixed, []int{4, 1, 3, 0, 5, 2}},
		// Half a millisecond a level: priority 2 is worth the one that request 1 came later; a tie goes to who came first.
		{"waiting outweighs priority with time", []semaphore.Option{semaphore.Aging(500 * time.Microsecond)}, mixed, []int{0, 1, 4, 3, 2, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, tt.want, order(t, semaphore.New(1, tt.opts...), 1, tt.requests))
			})
		})
	}
}

func TestALargeRequestIsNotPassedByThoseBehindIt(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := []request{{1, 0}, {4, 0}, {1, 0}, {2, 0}}
				assert.Equal(t, []int{0, 1, 2, 3}, order(t, semaphore.New(4, opts...), 1, requests))
			})
		})
	}
}

// TestOvertakingIsBounded has newcomers come as fast as they can, by each verb,
// while several callers wait.
func TestOvertakingIsBounded(t *testing.T) {
	newcomers := map[string]func(ctx context.Context, s *semaphore.Semaphore) bool{
		"TryAcquire": func(_ context.Context, s *semaphore.Semaphore) bool { return s.TryAcquire(1) },
		"TryPermit": func(_ context.Context, s *semaphore.Semaphore) bool {
			_, ok := s.TryPermit(1)
			return ok
		},
		"Acquire": func(ctx context.Context, s *semaphore.Semaphore) bool {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return s.Acquire(ctx, 1) == nil
		},
		"AcquirePriority": func(ctx context.Context, s *semaphore.Semaphore) bool {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return s.AcquirePriority(ctx, 1, 0) == nil
		},
	}
	tests := []struct {
		name string
		opts []semaphore.Option
		want map[string]int // overtakes at the head
	}{
		{"default", nil, map[string]int{"TryAcquire": 16, "TryPermit": 16, "Acquire": 16, "AcquirePriority": 0}},
		{"FIFO", []semaphore.Option{semaphore.FIFO()}, map[string]int{}},
	}
	for _, tt := range tests {
		for verb, newcomer := range newcomers {
			t.Run(tt.name+"/"+verb, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(2, tt.opts...)
					require.True(t, s.TryAcquire(1))
					// Each wants both permits, so that one is free for newcomers all the time.
					const waiters = 3
					var heads []<-chan error
					for range waiters {
						heads = append(heads, waiterOf(t, func() error { return s.Acquire(t.Context(), 2) }))
					}
					for i, head := range heads {
						overtakes := 0
						for range 50 {
							if newcomer(t.Context(), s) {
								overtakes++
								s.Release(1)
							}
						}
						assert.Equal(t, tt.want[verb], overtakes, "at the head, waiter %d", i)
						requireBlocked(t, head)
						s.Release(1) // the last one that was held when it came
						require.NoError(t, requireDone(t, head))
						s.Release(1)
					}
					s.Release(1)
					requireState(t, s, 0, 0)
				})
			})
		}
	}
}

// TestTheHeadCompetesAndThenIsHandedThePermit follows one waiter for one
// permit: each release wakes it, a newcomer is faster, until its turn is forced.
func TestTheHeadCompetesAndThenIsHandedThePermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		ctx := newStall(t.Context()) // it is held up whenever it is woken
		head := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
		ctx.armed.Store(true)

		overtakes := 0
		for range 50 {
			s.Release(1)
			if !s.TryAcquire(1) {
				break
			}
			overtakes++
			ctx.gate <- struct{}{} // it comes too late and sleeps again
			synctest.Wait()
		}
		assert.Equal(t, 16, overtakes)
		requireState(t, s, 1, 0) // handed over, though it does not run yet
		close(ctx.gate)
		require.NoError(t, requireDone(t, head))
		s.Release(1)
	})
}

func TestTheQueueIsOvertakenNoMoreOnceAPriorityWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2)
		require.True(t, s.TryAcquire(1))
		head := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 2, 1) })
		assert.False(t, s.TryAcquire(1))
		s.Release(1)
		require.NoError(t, requireDone(t, head))
		s.Release(2)
	})
}

// TestAgingBoundsHowLateAHigherPriorityMayCome is the bound of Aging: with
// priorities q > p, who came less than (q-p)*d later goes first, who came then
// or later does not.
func TestAgingBoundsHowLateAHigherPriorityMayCome(t *testing.T) {
	const d = 10 * time.Millisecond
	for _, levels := range []int{1, 5} {
		for _, tt := range []struct {
			late time.Duration
			want []int
		}{
			{0, []int{1, 0}},
			{time.Duration(levels)*d - 1, []int{1, 0}},
			{time.Duration(levels) * d, []int{0, 1}},
			{time.Duration(levels)*d + 1, []int{0, 1}},
		} {
			synctest.Test(t, func(t *testing.T) {
				s := semaphore.New(1, semaphore.Aging(d))
				require.True(t, s.TryAcquire(1))
				var r served
				wait := func(who, prio int) <-chan error {
					return waiterOf(t, func() error {
						err := s.AcquirePriority(t.Context(), 1, prio)
						r.add(who)
						s.Release(1)
						return err
					})
				}
				low := wait(0, -2)
				time.Sleep(tt.late)
				high := wait(1, -2+levels)
				s.Release(1)
				require.NoError(t, requireDone(t, low))
				require.NoError(t, requireDone(t, high))
				assert.Equal(t, tt.want, r.taken(), "%d levels, %v late", levels, tt.late)
			})
		}
	}
}

// TestAgingEndsStarvation has a stream of priority 3 that keeps the semaphore
// busy for ever; a caller of priority 0 is served after 3 steps of aging.
func TestAgingEndsStarvation(t *testing.T) {
	tests := []struct {
		name    string
		opts    []semaphore.Option
		starves bool
	}{
		{"without", nil, true},
		{"with", []semaphore.Option{semaphore.Aging(10 * time.Millisecond)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				s := semaphore.New(1, tt.opts...)
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						for s.AcquirePriority(ctx, 1, 3) == nil {
							time.Sleep(time.Millisecond)
							s.Release(1)
						}
					})
				}
				synctest.Wait()
				began := time.Now()
				err := s.AcquirePriority(ctx, 1, 0)
				if tt.starves {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					// 30 ms, and those that came before then: at most one each of 3.
					assert.LessOrEqual(t, time.Since(began), 33*time.Millisecond)
					s.Release(1)
				}
				cancel()
				wg.Wait()
				requireState(t, s, 0, 0)
			})
		})
	}
}

func TestLIFODisplacesTheOldestOfTheLowestPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.LIFO(), semaphore.MaxWaiters(3))
		require.True(t, s.TryAcquire(1))
		wait := func(prio int) <-chan error {
			return waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 1, prio) })
		}
		old, young, high := wait(0), wait(0), wait(5)
		require.Equal(t, semaphore.ErrQueueFull, requireDone(t, wait(-1)), "a lower one displaces nobody")
		requireBlocked(t, old)

		newest := wait(0)
		require.Equal(t, semaphore.ErrQueueFull, requireDone(t, old))
		requireState(t, s, 1, 3)
		for _, next := range []<-chan error{high, newest, young} {
			s.Release(1)
			require.NoError(t, requireDone(t, next))
		}
		s.Release(1)
		assert.EqualValues(t, 2, s.Stats().Rejected)
	})
}

func TestManyPrioritiesAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		var r served
		var want []int
		var all []<-chan error
		for i := range 500 {
			prio := i*7919%1999 - 999
			want = append(want, prio)
			all = append(all, waiterOf(t, func() error {
				err := s.AcquirePriority(t.Context(), 1, prio)
				r.add(prio)
				s.Release(1)
				return err
			}))
		}
		s.Release(1)
		for _, done := range all {
			require.NoError(t, requireDone(t, done))
		}
		slices.SortStableFunc(want, func(a, b int) int { return b - a })
		assert.Equal(t, want, r.taken())
	})
}

// Once nobody waits any more, nothing of the queue may be left that holds up
// newcomers, however the last one left.
func TestAnEmptyQueueRefusesNobody(t *testing.T) {
	const limit = 100
	leave := map[string]func(s *semaphore.Semaphore, cancel func()){
		"served":    func(s *semaphore.Semaphore, _ func()) { s.Release(1) },
		"cancelled": func(_ *semaphore.Semaphore, cancel func()) { cancel() },
		"too large": func(s *semaphore.Semaphore, _ func()) { s.SetLimit(1); s.SetLimit(limit) },
	}
	for how, out := range leave {
		for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}, "share": {semaphore.Share(0, 1)}} {
			t.Run(how+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(limit, opts...)
					require.True(t, s.TryAcquire(limit))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					waiter := waiterOf(t, func() error { return s.Acquire(ctx, 2) })
					s.Release(1)
					out(s, cancel)
					_ = requireDone(t, waiter)
					s.Release(s.Held())
					for range limit {
						require.True(t, s.TryAcquire(1))
					}
				})
			})
		}
	}
}
