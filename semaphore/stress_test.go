package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// procs runs a test at several numbers of processors.
func procs(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			test(t)
		})
	}
}

// rounds is how often a stress test goes round.
func rounds(n int) int {
	if testing.Short() || raceEnabled {
		return n / 5
	}
	return n
}

// TestNoOptionExceedsTheLimitOrLosesAPermit has goroutines use every verb at
// once, some with a context about to end, and counts what is out by itself.
func TestNoOptionExceedsTheLimitOrLosesAPermit(t *testing.T) {
	const limit = 5
	variants := map[string][]semaphore.Option{
		"default":  nil,
		"fifo":     {semaphore.FIFO()},
		"lifo":     {semaphore.LIFO(), semaphore.MaxWaiters(6)},
		"aging":    {semaphore.Aging(time.Microsecond), semaphore.Counted()},
		"bounded":  {semaphore.MaxWaiters(4), semaphore.MaxWait(50 * time.Microsecond)},
		"shares":   {semaphore.Share(-1, 30), semaphore.LeakFinder(func(semaphore.Leak) { panic("there is none") })},
		"max wait": {semaphore.FIFO(), semaphore.MaxWait(20 * time.Microsecond)},
	}
	procs(t, func(t *testing.T) {
		for name, opts := range variants {
			t.Run(name, func(t *testing.T) {
				s := semaphore.New(limit, opts...)
				var out atomic.Int64
				hold := func(n int64) {
					if now := out.Add(n); now > limit {
						assert.Fail(t, "more permits out than there are", "%d of %d", now, limit)
					}
					if n%2 == 0 {
						runtime.Gosched()
					}
					out.Add(-n)
				}
				var wg sync.WaitGroup
				for g := range 12 {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(g), 1)) // #nosec G404 -- reproducible
						for range rounds(1500) {
							useOnce(t.Context(), s, rng, hold)
						}
					})
				}
				wg.Wait()
				requireState(t, s, 0, 0)
				n, ok := s.TryAcquireAll()
				require.True(t, ok, "everything is back")
				require.EqualValues(t, limit, n)
			})
		}
	})
}

// useOnce acquires in some way and, if that went well, holds and releases.
func useOnce(ctx context.Context, s *semaphore.Semaphore, rng *rand.Rand, hold func(int64)) {
	n := 1 + rng.Int64N(s.Limit())
	if rng.IntN(3) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(100))*time.Microsecond)
		defer cancel()
	}
	switch rng.IntN(7) {
	case 0:
		if s.TryAcquire(n) {
			hold(n)
			s.Release(n)
		}
	case 1:
		if s.AcquirePriority(ctx, n, rng.IntN(3)-1) == nil {
			hold(n)
			s.Release(n)
		}
	case 2:
		if n, err := s.AcquireAll(ctx); err == nil {
			hold(n)
			s.Release(n)
		}
	case 3:
		if p, err := s.Permit(ctx, n); err == nil {
			hold(n)
			p.Release()
			p.Release()
		}
	case 4:
		_ = s.Do(ctx, func(context.Context) error { hold(1); return nil })
	default:
		if s.Acquire(ctx, n) == nil {
			hold(n)
			s.Release(n)
		}
	}
}

// TestTheInvariantHoldsAtEveryInstant watches held + available = limit while
// permits and the limit itself change.
func TestTheInvariantHoldsAtEveryInstant(t *testing.T) {
	procs(t, func(t *testing.T) {
		s := semaphore.New(8)
		ctx, cancel := context.WithCancel(t.Context())
		var users, watchers sync.WaitGroup
		for g := range 4 {
			users.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 2)) // #nosec G404 -- reproducible
				for range rounds(4000) {
					n := 1 + rng.Int64N(3)
					if err := s.Acquire(ctx, n); errors.Is(err, semaphore.ErrTooLarge) {
						continue
					} else if err != nil {
						return
					}
					s.Release(n)
				}
			})
		}
		users.Go(func() {
			for i := range rounds(4000) {
				s.SetLimit(1 + int64(i*7%16))
			}
			s.SetLimit(8)
		})
		watchers.Go(func() {
			for ctx.Err() == nil {
				st := s.Stats()
				if st.Held < 0 || st.Available < 0 || st.Waiting < 0 ||
					st.Held <= st.Limit && st.Held+st.Available != st.Limit ||
					st.Held > st.Limit && st.Available != 0 {
					assert.Fail(t, "the figures do not add up", "%+v", st)
					return
				}
				if s.Available() < 0 || s.Held() < 0 {
					assert.Fail(t, "negative")
				}
				runtime.Gosched()
			}
		})
		users.Wait()
		cancel()
		watchers.Wait()
		requireState(t, s, 0, 0)
	})
}

// TestACancelThatRacesAGrantLosesNoPermit cancels each waiter at the moment at
// which the permit comes, with many interleavings.
func TestACancelThatRacesAGrantLosesNoPermit(t *testing.T) {
	procs(t, func(t *testing.T) {
		for name, opts := range map[string][]semaphore.Option{"default": nil, "fifo": {semaphore.FIFO()}, "lifo": {semaphore.LIFO()}} {
			t.Run(name, func(t *testing.T) {
				s := semaphore.New(1, opts...)
				var got, cancelled int
				for range rounds(4000) {
					require.NoError(t, s.Acquire(t.Context(), 1))
					ctx, cancel := context.WithCancel(t.Context())
					var wg sync.WaitGroup
					var err error
					wg.Go(func() { err = s.Acquire(ctx, 1) })
					wg.Go(cancel)
					wg.Go(func() { s.Release(1) })
					wg.Wait()
					if err == nil {
						got++
						s.Release(1)
					} else {
						cancelled++
					}
					requireState(t, s, 0, 0)
				}
				t.Logf("%d got the permit, %d were cancelled", got, cancelled)
			})
		}
	})
}

// TestResizeAndCloseUnderLoadLeaveNobodyBehind ends with Close: whoever waits
// must come back, and every permit too.
func TestResizeAndCloseUnderLoadLeaveNobodyBehind(t *testing.T) {
	procs(t, func(t *testing.T) {
		for range rounds(100) {
			s := semaphore.New(4)
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 50 {
						n := int64(1 + (g+i)%4)
						switch err := s.AcquirePriority(t.Context(), n, i%2); {
						case err == nil:
							s.Release(n)
						case errors.Is(err, semaphore.ErrClosed):
							return
						}
					}
				})
			}
			wg.Go(func() {
				for i := range 50 {
					s.SetLimit(1 + int64(i%5))
				}
				s.Close()
			})
			wg.Wait()
			require.Zero(t, s.Held())
			require.Zero(t, s.Waiting())
		}
	})
}

// TestReleaseAllUnderLoadCountsEveryPermitOnce races revocation with release.
func TestReleaseAllUnderLoadCountsEveryPermitOnce(t *testing.T) {
	procs(t, func(t *testing.T) {
		s := semaphore.New(6)
		ctx, cancel := context.WithCancel(t.Context())
		var users, revoker sync.WaitGroup
		for range 6 {
			users.Go(func() {
				for range rounds(3000) {
					p, err := s.Permit(t.Context(), 2)
					if err != nil {
						return
					}
					p.Release()
				}
			})
		}
		revoker.Go(func() {
			for ctx.Err() == nil {
				if n := s.ReleaseAll(); n < 0 || n > 6 {
					assert.Fail(t, "revoked what nobody holds", "%d", n)
				}
				runtime.Gosched()
			}
		})
		users.Wait()
		cancel()
		revoker.Wait()
		s.ReleaseAll()
		requireState(t, s, 0, 0)
	})
}
