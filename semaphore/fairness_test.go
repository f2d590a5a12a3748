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
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// shares has goroutines acquire and release as often as they can for a while of
// virtual time and returns how many acquisitions each of them had.
func shares(t *testing.T, s *semaphore.Semaphore, goroutines int, n func(g int) int64) []int {
	t.Helper()
	counts := make([]int, goroutines)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
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
	})
	return counts
}

// TestEverybodyGetsAFairShare asks for what the order of the queue implies and no
// scheduling can break: each service of the head is one of at most 17
// acquisitions, and it goes round. How far apart those are that overtake is up
// to the scheduler.
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
			round int // acquisitions for each service of the head
		}{
			{"default", nil, 17},
			{"fifo", []semaphore.Option{semaphore.FIFO()}, 1},
		} {
			t.Run(fmt.Sprint(tt.name, "/", v.name), func(t *testing.T) {
				counts := shares(t, semaphore.New(tt.limit, v.opts...), tt.goroutines, tt.n)
				total := 0
				for _, n := range counts {
					total += n
				}
				require.Greater(t, total, 50*v.round*tt.goroutines/17, "enough to tell")
				assert.GreaterOrEqual(t, (slices.Min(counts)+1)*v.round*tt.goroutines, total, "%v", counts)
			})
		}
	}
}
