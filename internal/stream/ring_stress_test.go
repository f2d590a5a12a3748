package stream_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

// A lost wake-up shows as a test that hangs; a slot that is used twice at once
// shows under -race.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, size := range []int{1, 2, 3, 16} {
			t.Run(fmt.Sprintf("procs=%d/size=%d", procs, size), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				const items = 5000
				r := stream.NewRing[int](size)
				var wg sync.WaitGroup
				wg.Go(func() {
					defer r.Close()
					for i := range items {
						if i%97 == 0 {
							runtime.Gosched()
						}
						r.Push(i)
					}
				})
				for i := range items {
					if i%89 == 0 {
						runtime.Gosched()
					}
					v, ok := r.Next()
					require.True(t, ok)
					require.Equal(t, i, v)
				}
				_, ok := r.Next()
				assert.False(t, ok)
				wg.Wait()
			})
		}
	}
}

// The windows in which a wake-up could be lost are a few instructions wide. Rings of
// one and two slots meet them at nearly every item, so many items are enough to hit
// each of them; a side that sleeps for ever is a test that hangs.
func TestNoWakeUpIsLostInManySmallHandOvers(t *testing.T) {
	const items = 30_000
	for _, procs := range []int{2, 4} {
		for _, size := range []int{1, 2} {
			t.Run(fmt.Sprintf("procs=%d/size=%d", procs, size), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				r := stream.NewRing[int](size)
				go func() {
					defer r.Close()
					for i := range items {
						r.Push(i)
					}
				}()
				n := 0
				for v, ok := r.Next(); ok; v, ok = r.Next() {
					if v != n {
						t.Fatalf("got %d, want %d", v, n)
					}
					n++
				}
				assert.Equal(t, items, n)
			})
		}
	}
}

// The consumer looks for the last item while it is pushed and the ring closed.
func TestTheLastItemBeforeCloseIsNotLost(t *testing.T) {
	for range 3000 {
		r := stream.NewRing[int](4)
		go func() {
			r.Push(1)
			r.Close()
		}()
		_, ok := r.Next()
		require.True(t, ok)
		_, ok = r.Next()
		require.False(t, ok)
	}
}

// Stop comes from a third goroutine at any moment; both sides end, and what was
// delivered is a prefix.
func TestStopAtAnyMomentEndsBothSides(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			for round := range 300 {
				r := stream.NewRing[int](1 + round%5)
				var wg sync.WaitGroup
				wg.Go(func() {
					for i := 0; r.Push(i); i++ {
					}
				})
				wg.Go(func() {
					for i := 0; ; i++ {
						v, ok := r.Next()
						if !ok {
							return
						}
						if v != i {
							t.Errorf("got %d, want %d", v, i)
							return
						}
					}
				})
				wg.Go(func() {
					for range round % 50 {
						runtime.Gosched()
					}
					r.Stop()
				})
				wg.Wait()
			}
		})
	}
}

// The consumer leaves and comes back at any moment, while the producer wakes it.
func TestALeaveThatRacesAPushLosesNothing(t *testing.T) {
	for round := range 100 {
		r := stream.NewRing[int](2)
		var wg sync.WaitGroup
		leave := make(chan chan struct{}, 1)
		wg.Go(func() { // ends the consumer's waits
			for done := range leave {
				for range round % 7 {
					runtime.Gosched()
				}
				close(done)
			}
		})
		wg.Go(func() {
			defer r.Close()
			for i := range 100 {
				for range round % 5 {
					runtime.Gosched()
				}
				r.Push(i)
			}
		})
		for want := 0; want < 100; {
			done := make(chan struct{})
			leave <- done
			v, ok := r.NextUntil(done)
			if ok {
				require.Equal(t, want, v)
				want++
			}
		}
		_, ok := r.Next()
		require.False(t, ok)
		close(leave)
		wg.Wait()
	}
}

// TestWhatWasTakenWasPushed has a consumer stop the ring as soon as it has an item,
// while the Push of that item may not have returned. Without the race detector, which
// slows the two down, that hardly ever meets.
func TestWhatWasTakenWasPushed(t *testing.T) {
	for range 5000 {
		r := stream.NewRing[int](4)
		pushed := 0
		var producer sync.WaitGroup
		producer.Go(func() {
			for r.Push(pushed) {
				pushed++
			}
		})
		last := -1
		r.Each(t.Context(), func(v int) bool {
			last = v
			return v < 2
		})
		r.Stop()
		producer.Wait()
		require.GreaterOrEqual(t, pushed, last+1)
	}
}
