package generator_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

func TestConcurrentNextsShareTheValues(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, n := range []int{0, 1, 64} {
			t.Run(fmt.Sprintf("procs=%d/buffer=%d", procs, n), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				const items = 2000
				g := generator.New(t.Context(), count(items), generator.Buffer(n))
				var mu sync.Mutex
				var all []int
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						var mine []int
						for v, ok := g.Next(); ok; v, ok = g.Next() {
							mine = append(mine, v)
						}
						assert.True(t, slices.IsSorted(mine), "each caller sees them in order")
						mu.Lock()
						defer mu.Unlock()
						all = append(all, mine...)
					})
				}
				wg.Wait()
				slices.Sort(all)
				assert.Equal(t, upTo(items), all)
				assert.NoError(t, g.Err())
			})
		}
	}
}

// Whoever waits for its turn must not keep the bubble's clock from going on.
func TestAWaitForTheTurnDoesNotFreezeABubble(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ended := false
		g := generator.New(t.Context(), slow(&ended), opts...)
		start := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, ok := g.Next()
				assert.True(t, ok)
			})
		}
		wg.Wait()
		assert.Equal(t, 4*time.Second, time.Since(start))
		g.Close()
	})
}

func TestCollectNTakesValuesThatFollowOnEachOther(t *testing.T) {
	for _, n := range []int{0, 1, 64} {
		g := generator.New(t.Context(), count(3000), generator.Buffer(n))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					values, err := g.CollectN(10)
					assert.NoError(t, err)
					if len(values) == 0 {
						return
					}
					for i, v := range values {
						assert.Equal(t, values[0]+i, v)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestNextRacesClose(t *testing.T) {
	for round := range 300 {
		for _, n := range []int{0, 2} {
			var running sync.WaitGroup
			running.Add(1)
			g := generator.New(t.Context(), func(ctx context.Context, yield func(int) bool) error {
				defer running.Done()
				return count(endless)(ctx, yield)
			}, generator.Buffer(n))
			_, ok := g.Next()
			require.True(t, ok)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for _, ok := g.Next(); ok; _, ok = g.Next() {
						runtime.Gosched()
					}
				})
			}
			wg.Go(func() {
				for range round % 20 {
					runtime.Gosched()
				}
				g.Close()
				running.Wait() // at once, or the test hangs with the producer's stack
				_, ok := g.Next()
				assert.False(t, ok)
			})
			wg.Wait()
		}
	}
}

func TestALoopRacesClose(t *testing.T) {
	for round := range 300 {
		for _, opts := range [][]generator.Option{nil, {generator.Buffer(2)}} {
			g := generator.New(t.Context(), count(endless), opts...)
			var wg sync.WaitGroup
			wg.Go(func() {
				for range g.All() {
					runtime.Gosched()
				}
			})
			wg.Go(func() {
				for range round % 20 {
					runtime.Gosched()
				}
				g.Close()
			})
			wg.Wait()
			assert.NoError(t, g.Err())
		}
	}
}

func TestAPullDuringALoopPanics(t *testing.T) {
	pulls := map[string]func(g *generator.Generator[int]){
		"Next":        func(g *generator.Generator[int]) { g.Next() },
		"Peek":        func(g *generator.Generator[int]) { g.Peek() },
		"NextContext": func(g *generator.Generator[int]) { _, _ = g.NextContext(context.Background()) },
		"Collect":     func(g *generator.Generator[int]) { _, _ = g.Collect() },
		"CollectN":    func(g *generator.Generator[int]) { _, _ = g.CollectN(1) },
		"All": func(g *generator.Generator[int]) {
			for range g.All() {
			}
		},
	}
	for name, pull := range pulls {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				g := generator.New(t.Context(), count(3), opts...)
				n := 0
				for range g.All() {
					assert.PanicsWithValue(t, "generator: pull during a loop, which has the generator for itself; "+
						"use Next in place of the loop to mix pulls", func() { pull(g) })
					n++
				}
				assert.Equal(t, 3, n, "the loop goes on")
				assert.NoError(t, g.Err())
			})
		})
	}
}

// Two bubbles and the code outside have generators of their own in one process.
func TestGeneratorsWorkInTwoBubblesAndOutside(t *testing.T) {
	use := func(t *testing.T) {
		for _, n := range []int{0, 4} {
			g := generator.New(t.Context(), count(100), generator.Buffer(n))
			_, ok := g.Next()
			assert.True(t, ok)
			rest, err := g.Collect()
			assert.NoError(t, err)
			assert.Len(t, rest, 99)
		}
	}
	use(t)
	synctest.Test(t, use)
	synctest.Test(t, use)
	use(t)
}
