package semaphore_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/semaphore"
)

// shares has goroutines acquire and release as often as they can for a while of
// virtual time and returns the most and the fewest acquisitions of one of them.
func shares(t *testing.T, s *semaphore.Semaphore, goroutines int, n func(g int) int64) (most, fewest int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		counts := make([]int, goroutines)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for s.Acquire(ctx, n(g)) == nil {
					counts[g]++
					time.Sleep(time.Millisecond)
					s.Release(n(g))
				}
			})
		}
		wg.Wait()
		most, fewest = slices.Max(counts), slices.Min(counts)
	})
	return most, fewest
}

func TestEverybodyGetsAFairShare(t *testing.T) {
	one := func(int) int64 { return 1 }
	tests := []struct {
		name       string
		goroutines int
		limit      int64
		n          func(int) int64
	}{
		{"8 on 2", 8, 2, one},
		{"64 on 4", 64, 4, one},
		{"one wants everything", 16, 8, func(g int) int64 { return 1 + 7*int64(max(0, 1-g)) }},
	}
	for _, tt := range tests {
		for _, v := range []struct {
			name  string
			opts  []semaphore.Option
			ratio float64
		}{
			{"default", nil, 17}, // each service of the head allows 16 overtakes
			{"fifo", []semaphore.Option{semaphore.FIFO()}, 1.05},
		} {
			t.Run(fmt.Sprint(tt.name, "/", v.name), func(t *testing.T) {
				most, fewest := shares(t, semaphore.New(tt.limit, v.opts...), tt.goroutines, tt.n)
				t.Logf("most %d, fewest %d", most, fewest)
				assert.LessOrEqual(t, float64(most), v.ratio*float64(fewest), "%d and %d", most, fewest)
			})
		}
	}
}
