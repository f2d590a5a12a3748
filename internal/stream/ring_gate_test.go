package stream_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/stream"
)

func never() bool { return false }

// asleep reports whether a sleep on g does not end by itself, and ends it.
func asleep(t *testing.T, g *stream.Gate) bool {
	t.Helper()
	ended := false
	go func() {
		g.SleepUnless(never, nil)
		ended = true
	}()
	synctest.Wait()
	slept := !ended
	g.Wake()
	synctest.Wait()
	assert.True(t, ended)
	return slept
}

func TestAWakeWhileTheWaiterLooksIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g stream.Gate
		for range 3 {
			// The other side publishes right after the waiter has looked.
			g.SleepUnless(func() bool { g.Wake(); return false }, nil)
			assert.True(t, asleep(t, &g), "and is not there twice")
		}
	})
}

func TestAWakeThatTheWaiterDoesNotNeedIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g stream.Gate
		for range 3 {
			g.SleepUnless(func() bool { g.Wake(); return true }, nil)
			assert.True(t, asleep(t, &g))
			g.SleepUnless(func() bool { return true }, nil)
			g.Wake() // nobody waits
			assert.True(t, asleep(t, &g))
		}
	})
}

func TestADoneThatRacesAWakeLeavesNoSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		close(done)
		var g stream.Gate
		for range 100 { // select picks either
			g.SleepUnless(func() bool { g.Wake(); return false }, done)
			assert.True(t, asleep(t, &g))
			g.SleepUnless(never, done)
			assert.True(t, asleep(t, &g))
		}
	})
}

// Two wakers of one round send one signal: a second would block its sender, or end
// the sleep of the next round.
func TestManyWakersSendOneSignal(t *testing.T) {
	var g stream.Gate
	for range 500 {
		var wakers sync.WaitGroup
		g.SleepUnless(func() bool {
			for range 4 {
				wakers.Go(g.Wake)
			}
			return false
		}, nil)
		wakers.Wait()
	}
	synctest.Test(t, func(t *testing.T) {
		var g stream.Gate
		g.SleepUnless(func() bool { g.Wake(); g.Wake(); return false }, nil)
		assert.True(t, asleep(t, &g))
	})
}
