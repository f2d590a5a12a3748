package semaphore_test

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

	"github.com/weirkit/weir/semaphore"
)

// The traps that peers fell into, by what must hold here instead. Where a
// behaviour has its own test elsewhere it is not repeated.

// x/sync accepted a negative n in TryAcquire and so made permits.
func TestTrapANegativeNumberMakesNoPermits(t *testing.T) {
	s := semaphore.New(1)
	assert.Panics(t, func() { s.TryAcquire(-5) })
	assert.Panics(t, func() { _ = s.Acquire(t.Context(), -5) })
	assert.False(t, s.TryAcquire(6))
	assert.Panics(t, func() { s.Release(-1) }, "nor does it steal one")
	assert.True(t, s.TryAcquire(1))
}

// A bulkhead made of a channel blocks for ever on a release too many, and one
// that subtracts first and checks then panics with a broken state.
func TestTrapAReleaseTooManyNeitherBlocksNorCounts(t *testing.T) {
	s := semaphore.New(1)
	assert.Panics(t, func() { s.Release(1) })
	require.True(t, s.TryAcquire(1))
	assert.False(t, s.TryAcquire(1))
}

// A select between the context and a free permit picks at random.
func TestTrapADoneContextNeverGetsAPermit(t *testing.T) {
	s := semaphore.New(100)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		require.Error(t, s.Acquire(ctx, 1))
	}
	requireState(t, s, 0, 0)
}

// x/sync once gave a cancelled waiter the permit (golang/go#63615): a cancel
// that happened before the release must win, and leak nothing.
func TestTrapACancelBeforeTheReleaseWins(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}, "lifo": {semaphore.LIFO()}} {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(1, opts...)
					require.True(t, s.TryAcquire(1))
					ctx, cancel := context.WithCancel(t.Context())
					waiter := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
					cancel()
					s.Release(1) // at once: the waiter finds both
					require.Equal(t, context.Canceled, requireDone(t, waiter))
					requireState(t, s, 0, 0)
				})
			}
		})
	}
}

// A condition variable does not see the context (temporal), or misses a cancel
// that comes before the wait (an AfterFunc that broadcasts without the lock).
func TestTrapAWaiterSeesItsContextEnd(t *testing.T) {
	s := semaphore.New(1)
	require.True(t, s.TryAcquire(1))
	for i := range rounds(2000) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range i % 50 {
				runtime.Gosched()
			}
			cancel()
		}()
		require.Equal(t, context.Canceled, s.Acquire(ctx, 1))
	}
	requireState(t, s, 1, 0)
}

// A grant that is handed over without a place to put it is dropped if the
// waiter has not reached its select yet (go-concurrency-limits).
func TestTrapAGrantIsNotDroppedBeforeTheWaiterSleeps(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}} {
		t.Run(name, func(t *testing.T) {
			s := semaphore.New(1, opts...)
			for range rounds(5000) {
				require.NoError(t, s.Acquire(t.Context(), 1))
				var wg sync.WaitGroup
				wg.Go(func() {
					if s.Acquire(t.Context(), 1) == nil {
						s.Release(1)
					}
				})
				s.Release(1)
				wg.Wait() // hangs if the permit was dropped
			}
			requireState(t, s, 0, 0)
		})
	}
}

// Every release that broadcasts wakes the whole queue (marusama). Here those
// behind the head sleep on: contexts count how often they are asked.
func TestTrapAReleaseDoesNotWakeTheHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		var asked atomic.Int64
		const waiters = 50
		var wg sync.WaitGroup
		for range waiters {
			wg.Go(func() {
				if s.Acquire(countCtx{t.Context(), &asked}, 1) == nil {
					s.Release(1)
				}
			})
		}
		synctest.Wait()
		asked.Store(0)
		s.Release(1)
		wg.Wait()
		assert.LessOrEqual(t, asked.Load(), int64(waiters), "once for each wake-up")
	})
}

// countCtx counts how often its Err is asked for, which a waiter does when it
// is woken.
type countCtx struct {
	context.Context
	asked *atomic.Int64
}

func (c countCtx) Err() error {
	c.asked.Add(1)
	return c.Context.Err()
}

// P25: marusama starves a caller that wants everything against 16 light loops.
func TestTrapAHeavyWaiterIsNotStarvedByLightOnes(t *testing.T) {
	procs(t, func(t *testing.T) {
		for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}, "aging": {semaphore.Aging(time.Millisecond)}} {
			t.Run(name, func(t *testing.T) {
				s := semaphore.New(8, opts...)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 16 {
					wg.Go(func() {
						for s.Acquire(ctx, 1) == nil {
							runtime.Gosched()
							s.Release(1)
						}
					})
				}
				for range 20 {
					require.NoError(t, s.Acquire(t.Context(), 8))
					s.Release(8)
				}
				cancel()
				wg.Wait()
				requireState(t, s, 0, 0)
			})
		}
	})
}

// P25b: 50 waiters are served in the order in which they came (marusama: 48
// inversions).
func TestTrapWaitersAreServedInArrivalOrder(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := make([]request, 50)
				want := make([]int, len(requests))
				for i := range requests {
					requests[i], want[i] = request{n: 1 + int64(i%3)}, i
				}
				assert.Equal(t, want, order(t, semaphore.New(3, opts...), 1, requests))
			})
		})
	}
}

// P26: x/sync and marusama block on a request that can never be served.
func TestTrapAnImpossibleRequestFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(8)
		began := time.Now()
		assert.Equal(t, semaphore.ErrTooLarge, s.Acquire(context.Background(), 9))
		assert.Zero(t, time.Since(began))
	})
}

// P27: 40,000 cancels that race grants lose no permit.
func TestTrapRacingCancelsLoseNoPermit(t *testing.T) {
	procs(t, func(t *testing.T) {
		s := semaphore.New(4)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range rounds(5000) {
					ctx, cancel := context.WithCancel(t.Context())
					if i%3 == 0 {
						go cancel()
					}
					if s.Acquire(ctx, 1+int64(i%4)) == nil {
						runtime.Gosched()
						s.Release(1 + int64(i%4))
					}
					cancel()
				}
			})
		}
		wg.Wait()
		requireState(t, s, 0, 0)
	})
}

// marusama packs count and limit into 32 bits each: a byte budget overflows.
func TestTrapABudgetOfManyBytesDoesNotOverflow(t *testing.T) {
	const tebi = 1 << 40
	s := semaphore.New(4 * tebi)
	require.True(t, s.TryAcquire(3*tebi))
	assert.False(t, s.TryAcquire(2*tebi))
	assert.True(t, s.TryAcquire(tebi))
	s.Release(4 * tebi)
	requireState(t, s, 0, 0)
}

// A hundred waiters of whom nine tenths are cancelled: the rest are served, each
// once, and none later than its turn.
func TestTrapACancelStormLeavesTheRestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		require.True(t, s.TryAcquire(1))
		var r served
		var cancels []context.CancelFunc
		var wg sync.WaitGroup
		for i := range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			wg.Go(func() {
				if s.Acquire(ctx, 1) == nil {
					r.add(i)
					time.Sleep(time.Second)
					s.Release(1)
				}
			})
			synctest.Wait()
		}
		for i, cancel := range cancels {
			if i%10 != 3 {
				cancel()
			}
		}
		synctest.Wait()
		requireState(t, s, 1, 100)
		began := time.Now()
		s.Release(1)
		wg.Wait()
		assert.Equal(t, 100*time.Second, time.Since(began))
		who := r.taken()
		require.Len(t, who, 100)
		for i, id := range who {
			require.Equal(t, 10*i+3, id)
		}
		for _, cancel := range cancels {
			cancel()
		}
	})
}
