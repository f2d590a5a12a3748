package semaphore_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// resizing calls SetLimit with one limit after another until the test ends.
func resizing(t *testing.T, s *semaphore.Semaphore, limits ...int64) {
	t.Helper()
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; !over.Load(); i++ {
			s.SetLimit(limits[i%len(limits)])
		}
	})
	t.Cleanup(func() { over.Store(true); wg.Wait() })
}

// TestEveryVerbIsExactWhileTheLimitChanges has one caller use a semaphore that
// others only resize, so that it is known what every verb must return.
func TestEveryVerbIsExactWhileTheLimitChanges(t *testing.T) {
	procs(t, func(t *testing.T) {
		s := semaphore.New(10)
		resizing(t, s, 20, 6, 10, 7)
		for range rounds(20_000) {
			if !assert.True(t, s.TryAcquire(6), "6 are free whatever the limit is") {
				return
			}
			if !assert.EqualValues(t, 6, s.Held()) {
				return
			}
			s.Release(6)

			p, ok := s.TryPermit(5)
			if !assert.True(t, ok) {
				return
			}
			if !assert.EqualValues(t, 5, s.ReleaseAll()) {
				return
			}
			p.Release()

			n, ok := s.TryAcquireAll()
			if !assert.True(t, ok, "nobody holds any") {
				return
			}
			assert.False(t, s.TryAcquire(1), "all is taken, whatever the limit is by now")
			s.Release(n)
			assert.Zero(t, s.Held())
		}
	})
}

// TestAnOverReleaseIsFoundWhileTheLimitChanges releases one more than is held.
func TestAnOverReleaseIsFoundWhileTheLimitChanges(t *testing.T) {
	procs(t, func(t *testing.T) {
		s := semaphore.New(10)
		resizing(t, s, 20, 3, 10, 4)
		for range rounds(5000) {
			require.True(t, s.TryAcquire(2))
			require.True(t, panics(func() { s.Release(3) }))
			if held := s.Held(); held != 2 {
				require.EqualValues(t, 2, held)
			}
			s.Release(2)
		}
	})
}

// TestAnOverReleaseIsFoundInTheMidstOfAChange holds a change of the limit up, the first
// one and a later one, until a release that is too much has gone as far as it can.
func TestAnOverReleaseIsFoundInTheMidstOfAChange(t *testing.T) {
	for _, resized := range []bool{false, true} {
		for n := int64(1); n <= 3; n++ {
			s := semaphore.New(3)
			if resized {
				s.SetLimit(4)
			}
			done := make(chan bool, 1)
			semaphore.WhileChanging(s, func() {
				go func() { done <- panics(func() { s.Release(n) }) }()
				for i := 0; i < 10_000 && len(done) == 0; i++ {
					runtime.Gosched()
				}
			})
			require.True(t, <-done, "%d, resized %v", n, resized)
			require.Zero(t, s.Held())
		}
	}
}
