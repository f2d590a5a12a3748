package stream_test

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
	"github.com/weirkit/weir/internal/testkit"
)

// uneven is what item i takes: mostly little, sometimes so much that what is behind it
// in its chunk is given back and others are started for it.
func uneven(seed uint64) func(i int) time.Duration {
	return func(i int) time.Duration {
		r := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // a seed
		if r.IntN(40) == 0 {
			return time.Duration(r.IntN(2000)) * time.Microsecond
		}
		return time.Duration(r.IntN(300)) * time.Nanosecond
	}
}

func TestNeverMoreThanItsWorkersRunWhileRangesAreGivenBack(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			takes := uneven(seed)
			workers := 2 + int(seed%6) //nolint:gosec // small
			var running, most atomic.Int64
			c := &stream.Claim{N: 1500, Workers: workers}
			w := newCounting(c, func(i int) {
				now := running.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(takes(i))
				running.Add(-1)
			})
			require.True(t, c.Run(w))
			require.Zero(t, running.Load())
			require.EqualValues(t, workers, most.Load(), "reached and not exceeded")
			for i := range w.ran {
				require.EqualValues(t, 1, w.ran[i].Load())
			}
		})
	}
}

// In a bubble a worker that is left behind fails the test by itself.
func TestEveryEndingWhileRangesAreGivenBack(t *testing.T) {
	endings := map[string]func(c *stream.Claim){
		"stop":   (*stream.Claim).Stop,
		"panic":  func(*stream.Claim) { panic("boom") },
		"Goexit": func(*stream.Claim) { runtime.Goexit() },
	}
	for name, ending := range endings {
		for k := 0; k < 600; k += 13 {
			synctest.Test(t, func(t *testing.T) {
				takes := uneven(uint64(k)) //nolint:gosec // a seed
				var running atomic.Int64
				c := &stream.Claim{N: 600, Workers: 4}
				w := newCounting(c, func(i int) {
					running.Add(1)
					defer running.Add(-1)
					time.Sleep(takes(i))
					if i == k {
						ending(c)
					}
				})
				complete := true
				end := testkit.Run(func() { complete = c.Run(w) })
				require.Zero(t, running.Load(), "items run after the return")
				switch name {
				case "stop":
					require.False(t, complete)
				case "panic":
					require.Equal(t, "boom", end.Value.(*fault.PanicError).Value)
				default:
					require.True(t, end.Exited)
				}
			})
		}
	}
}
