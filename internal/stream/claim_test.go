package stream_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
	"github.com/weirkit/weir/internal/testkit"
)

// counting is a Work that counts how often each index ran.
type counting struct {
	claim *stream.Claim
	item  func(i int)
	ran   []atomic.Int32

	mu     sync.Mutex
	ranges [][2]int
	faults []error
}

func newCounting(c *stream.Claim, item func(int)) *counting {
	return &counting{claim: c, item: item, ran: make([]atomic.Int32, c.N)}
}

func (w *counting) Range(lo, hi int, heed stream.Signal) int {
	w.mu.Lock()
	w.ranges = append(w.ranges, [2]int{lo, hi})
	w.mu.Unlock()
	for i := lo; i < hi; i++ {
		if w.claim.Signal().Load() >= heed {
			return i
		}
		w.ran[i].Add(1)
		w.item(i)
	}
	return hi
}

func (w *counting) Faulted(f *fault.Fault) {
	w.mu.Lock()
	w.faults = append(w.faults, f.Err())
	w.mu.Unlock()
}

var claims = map[string]func(n int) *stream.Claim{
	"alone":        func(n int) *stream.Claim { return &stream.Claim{N: n, Workers: 1} },
	"default":      func(n int) *stream.Claim { return &stream.Claim{N: n} },
	"many":         func(n int) *stream.Claim { return &stream.Claim{N: n, Workers: 8} },
	"at once":      func(n int) *stream.Claim { return &stream.Claim{N: n, Workers: 8, AtOnce: true} },
	"one only":     func(n int) *stream.Claim { return &stream.Claim{N: n, Workers: 1, AtOnce: true} },
	"more at once": func(n int) *stream.Claim { return &stream.Claim{N: n, Workers: 100, AtOnce: true} },
}

func TestEveryIndexIsClaimedOnce(t *testing.T) {
	for name, claim := range claims {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 5, 10, 100, 10_000} {
				c := claim(n)
				w := newCounting(c, func(int) {})
				require.True(t, c.Run(w))
				for i := range w.ran {
					require.EqualValues(t, 1, w.ran[i].Load())
				}
			}
		})
	}
}

func TestAStopAtEveryIndexLeavesTheRest(t *testing.T) {
	for name, claim := range claims {
		t.Run(name, func(t *testing.T) {
			for k := range 30 {
				c := claim(1000)
				stopped := make(chan struct{})
				w := newCounting(c, func(i int) {
					switch {
					case i == k:
						c.Stop()
						close(stopped)
					case i >= k+200:
						<-stopped // item k has begun, but its worker may be slow to get there
					}
				})
				require.False(t, c.Run(w))
				n := 0
				for i := range w.ran {
					n += int(w.ran[i].Load())
				}
				require.Less(t, n, 1000)
			}
		})
	}
}

func TestFaultsAreRaisedOnTheCallerAfterEveryWorkerHasEnded(t *testing.T) {
	for name, claim := range claims {
		t.Run(name, func(t *testing.T) {
			for k := range 30 {
				for _, exit := range []bool{false, true} {
					var running atomic.Int64
					c := claim(30)
					w := newCounting(c, func(i int) {
						running.Add(1)
						defer running.Add(-1)
						if i == k && exit {
							runtime.Goexit()
						}
						if i == k {
							panic(i)
						}
						runtime.Gosched()
					})
					end := testkit.Run(func() { c.Run(w) })
					require.Zero(t, running.Load())
					require.Equal(t, exit, end.Exited)
					require.Len(t, w.faults, 1)
					if !exit {
						require.Equal(t, k, end.Value.(*fault.PanicError).Value)
					}
				}
			}
		})
	}
}

func TestAPanicGoesBeforeAGoexitWhereverTheyHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for first := range 2 { // the panic comes a second before, or after
			for on := range 2 { // the goroutine that called Run takes item 0
				c := &stream.Claim{N: 2, Workers: 2, AtOnce: true}
				caller := make(chan struct{})
				w := newCounting(c, nil)
				w.item = func(i int) {
					panics := i == on
					if panics == (first == 0) {
						time.Sleep(time.Second)
					} else {
						time.Sleep(2 * time.Second)
					}
					if panics {
						panic("stronger")
					}
					runtime.Goexit()
				}
				end := testkit.Run(func() { defer close(caller); c.Run(w) })
				<-caller
				require.True(t, end.Panicked, "%+v", end)
				require.Equal(t, "stronger", end.Value.(*fault.PanicError).Value)
				require.Len(t, w.faults, 2)
			}
		}
	})
}

func TestAtOnceClaimsOneItemAtATime(t *testing.T) {
	c := &stream.Claim{N: 5000, Workers: 2, AtOnce: true}
	w := newCounting(c, func(int) {})
	require.True(t, c.Run(w))
	for _, r := range w.ranges {
		require.Equal(t, 1, r[1]-r[0])
	}
}

func TestFastItemsAreClaimedInChunksAndSlowOnesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // only what sleeps takes time here
		for _, tt := range []struct {
			takes time.Duration
			fits  func(size int) bool
		}{
			{100 * time.Nanosecond, func(size int) bool { return size > 50 && size <= 400 }},
			{10 * time.Microsecond, func(size int) bool { return size >= 1 && size <= 4 }},
			{time.Millisecond, func(size int) bool { return size == 1 }},
		} {
			c := &stream.Claim{N: 4000, Workers: 4}
			w := newCounting(c, func(int) { time.Sleep(tt.takes) })
			require.True(t, c.Run(w))
			for _, r := range w.ranges {
				if r[0] >= 100 && r[1] < 2000 { // neither the first, alone, nor the last, fair shares
					assert.True(t, tt.fits(r[1]-r[0]), "%v: %v", tt.takes, r)
				}
			}
		}
	})
}

func TestSlowItemsCostTheFirstAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := 2; n <= 20; n++ {
			c := &stream.Claim{N: n, Workers: 20}
			start := time.Now()
			require.True(t, c.Run(newCounting(c, func(int) { time.Sleep(time.Second) })))
			require.Equal(t, 2*time.Second, time.Since(start), "%d items: the first alone, then all others", n)
		}
	})
}

func TestSkewedItemsEndCloseToTheIdeal(t *testing.T) { // trap T21
	us := time.Microsecond
	tests := map[string]func(i, n int) time.Duration{
		"even and fast":          func(int, int) time.Duration { return us },
		"even and slow":          func(int, int) time.Duration { return 50 * us },
		"the last tenth is slow": func(i, n int) time.Duration { return pick(i >= n*9/10, 10*us, us/10) },
		"the first is slow":      func(i, n int) time.Duration { return pick(i < n/10, 10*us, us/10) },
		"some amid are slow":     func(i, n int) time.Duration { return pick(i >= n/2 && i < n/2+25, 1000*us, us/10) },
		"the last few are slow":  func(i, n int) time.Duration { return pick(i >= n-25, 1000*us, us/10) },
		"one is very slow":       func(i, n int) time.Duration { return pick(i == n/3, 5000*us, us/10) },
		"slower and slower":      func(i, _ int) time.Duration { return time.Duration(20 * i) },
		"random": func(i, _ int) time.Duration {
			return time.Duration(3000 * rand.New(rand.NewPCG(uint64(i), 1)).ExpFloat64()) //nolint:gosec // a seed
		},
	}
	for name, takes := range tests {
		for _, workers := range []int{2, 4, 16} {
			for _, n := range []int{1000, 10_000} {
				synctest.Test(t, func(t *testing.T) {
					var sum, longest time.Duration
					for i := range n {
						sum += takes(i, n)
						longest = max(longest, takes(i, n))
					}
					c := &stream.Claim{N: n, Workers: workers}
					start := time.Now()
					require.True(t, c.Run(newCounting(c, func(i int) { time.Sleep(takes(i, n)) })))
					ideal := max(sum/time.Duration(workers), longest)
					// A chunk is not cut before its first slow item has ended, and what looks
					// like 20 µs of work stays with its worker.
					bound := ideal*105/100 + 2*longest + 20*us
					assert.LessOrEqual(t, time.Since(start), bound, "%s: %d items, %d workers, ideal %v", name, n, workers, ideal)
				})
			}
		}
	}
}

func pick(slow bool, yes, no time.Duration) time.Duration {
	if slow {
		return yes
	}
	return no
}

func TestAShortRunStaysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &stream.Claim{N: 50, Workers: 4}
		running := 0 // no lock: items that overlap would race
		w := newCounting(c, func(int) {
			running++
			assert.Equal(t, 1, running)
			time.Sleep(100 * time.Nanosecond)
			running--
		})
		require.True(t, c.Run(w))
	})
}
