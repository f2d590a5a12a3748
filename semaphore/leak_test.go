package semaphore_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// loseAPermit acquires and forgets.
//
//go:noinline
func loseAPermit(t *testing.T, s *semaphore.Semaphore, n int64) {
	_, err := s.Permit(t.Context(), n)
	require.NoError(t, err)
}

//go:noinline
func tryAndLoseAPermit(t *testing.T, s *semaphore.Semaphore) {
	_, ok := s.TryPermit(1)
	require.True(t, ok)
}

// collect runs the garbage collector until what is unreachable by now was
// reported: a canary that dies last has its turn in the queue of cleanups.
func collect(t *testing.T) {
	t.Helper()
	for range 3 {
		done := make(chan struct{})
		runtime.AddCleanup(&struct{ p *int }{new(int)}, func(ch chan struct{}) { close(ch) }, done)
		deadline := time.After(20 * time.Second)
		for waiting := true; waiting; {
			runtime.GC()
			select {
			case <-done:
				waiting = false
			case <-deadline:
				require.Fail(t, "the canary lives")
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// nextLeak collects garbage until a leak is reported.
func nextLeak(t *testing.T, leaks <-chan semaphore.Leak) semaphore.Leak {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		runtime.GC()
		select {
		case l := <-leaks:
			return l
		case <-deadline:
			require.Fail(t, "no leak was reported")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestLeakFinderReportsWhereALostPermitWasAcquired(t *testing.T) {
	leaks := make(chan semaphore.Leak, 10)
	s := semaphore.New(10, semaphore.LeakFinder(func(l semaphore.Leak) { leaks <- l }))
	loseAPermit(t, s, 3)
	l := nextLeak(t, leaks)
	assert.EqualValues(t, 3, l.N)
	assert.Regexp(t, `^github.com/weirkit/weir/semaphore_test\.loseAPermit\n\t.*leak_test\.go:\d+\n`, l.Stack, "the caller is the first line")
	assert.EqualValues(t, 3, s.Held(), "it reports, and guesses nothing")

	tryAndLoseAPermit(t, s)
	l = nextLeak(t, leaks)
	assert.Contains(t, l.Stack, "tryAndLoseAPermit")
	assert.EqualValues(t, 4, s.ReleaseAll())
}

func TestLeakFinderKeepsQuietAboutPermitsThatAreNotLost(t *testing.T) {
	leaks := make(chan semaphore.Leak, 100)
	s := semaphore.New(10, semaphore.LeakFinder(func(l semaphore.Leak) { leaks <- l }))
	held, err := s.Permit(t.Context(), 1)
	require.NoError(t, err)
	for range 50 {
		p, err := s.Permit(t.Context(), 1)
		require.NoError(t, err)
		p.Release()
	}
	loseAPermit(t, s, 0)
	loseAPermit(t, s, 2)
	s.ReleaseAll() // revoked: no loss any more
	collect(t)
	assert.Empty(t, leaks)
	runtime.KeepAlive(held)
	assert.PanicsWithValue(t, "semaphore: LeakFinder must not be nil", func() { semaphore.LeakFinder(nil) })
}
