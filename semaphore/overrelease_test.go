package semaphore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// panics reports whether a release panicked.
func panics(release func()) (did bool) {
	defer func() { did = recover() != nil }()
	release()
	return false
}

// TestRacingReleasesAreDecidedExactly has goroutines release at once more than
// is held, in pieces: those that succeed were held, and each that panics is more
// than what is left.
func TestRacingReleasesAreDecidedExactly(t *testing.T) {
	procs(t, func(t *testing.T) {
		for round := range rounds(3000) {
			rng := rand.New(rand.NewPCG(uint64(round), 3)) // #nosec G404 -- reproducible
			s := semaphore.New(20)
			if round%2 == 1 {
				s.SetLimit(10)
			}
			held := rng.Int64N(8)
			require.True(t, s.TryAcquire(held))
			pieces := make([]int64, 2+rng.IntN(4))
			failed := make([]bool, len(pieces))
			var wg sync.WaitGroup
			for i := range pieces {
				pieces[i] = 1 + rng.Int64N(5)
				if rng.IntN(8) == 0 {
					pieces[i] = 1 << (31 + rng.IntN(30)) // not on the fast path
				}
				wg.Go(func() { failed[i] = panics(func() { s.Release(pieces[i]) }) })
			}
			wg.Wait()
			for i, n := range pieces {
				if !failed[i] {
					held -= n
				}
			}
			require.Equal(t, held, s.Held())
			for i, n := range pieces {
				require.False(t, failed[i] && n <= held, "a release of %d failed and %d are held", n, held)
			}
		}
	})
}

// TestAnOverReleaseIsSeenByNobody has some goroutines release what nobody holds,
// again and again, among others that acquire, resize and look.
func TestAnOverReleaseIsSeenByNobody(t *testing.T) {
	const limit = 6
	procs(t, func(t *testing.T) {
		for _, resize := range []bool{false, true} {
			t.Run(fmt.Sprint("resize=", resize), func(t *testing.T) {
				s := semaphore.New(limit)
				ctx, cancel := context.WithCancel(t.Context())
				var users, wrongs sync.WaitGroup
				var out atomic.Int64
				for g := range 4 {
					users.Go(func() {
						for i := range rounds(3000) {
							n := int64(1 + (g+i)%3)
							if i%3 == 0 {
								if !s.TryAcquire(n) {
									continue
								}
							} else if s.Acquire(t.Context(), n) != nil {
								continue
							}
							if now := out.Add(n); now > limit {
								assert.Fail(t, "more permits out than there are", "%d", now)
							}
							out.Add(-n)
							if panics(func() { s.Release(n) }) {
								assert.Fail(t, "a right release panicked")
							}
						}
					})
				}
				for g := range 2 {
					wrongs.Go(func() {
						for ctx.Err() == nil {
							n := int64(limit + 1 + g)
							if !panics(func() { s.Release(n) }) {
								assert.Fail(t, "a wrong release did not panic")
								return
							}
							runtime.Gosched()
						}
					})
				}
				wrongs.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						if resize {
							s.SetLimit(limit - int64(i%2))
						}
						st := s.Stats()
						if st.Held < 0 || st.Held > limit || st.Available != max(st.Limit-st.Held, 0) || s.Held() < 0 {
							assert.Fail(t, "the figures do not add up", "%+v", st)
							return
						}
						runtime.Gosched()
					}
				})
				users.Wait()
				cancel()
				wrongs.Wait()
				requireState(t, s, 0, 0)
			})
		}
	})
}

// TestAnOverReleaseDoesNotEndAnAcquireAll has what SetLimit adds stay out of
// reach while releases that are too large come and go.
func TestAnOverReleaseDoesNotEndAnAcquireAll(t *testing.T) {
	procs(t, func(t *testing.T) {
		for range rounds(500) {
			s := semaphore.New(3)
			n, err := s.AcquireAll(t.Context())
			require.NoError(t, err)
			s.SetLimit(5)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { assert.True(t, panics(func() { s.Release(4) })) })
				wg.Go(func() { assert.False(t, s.TryAcquire(1)) })
			}
			wg.Wait()
			s.Release(n)
			requireState(t, s, 0, 0)
			require.EqualValues(t, 5, s.Available())
		}
	})
}
