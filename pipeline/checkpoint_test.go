package pipeline_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func TestACheckpointStandsBelowTheFirstUnfinishedItem(t *testing.T) {
	for range 50 {
		c := pipeline.NewCheckpoint(5)
		finished := map[int64]bool{}
		for _, i := range rand.Perm(40) {
			index := int64(i) // those below 5 were finished by the run before
			c.Done(index)
			c.Done(index)
			finished[index] = true
			want := int64(5)
			for finished[want] {
				want++
			}
			require.Equal(t, want, c.Low())
		}
		assert.Equal(t, int64(40), c.Low())
	}
}

func TestACheckpointIsToldByManyWorkers(t *testing.T) {
	c := pipeline.NewCheckpoint(0)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < 4000; i += 4 {
				c.Done(int64(i))
				c.Low()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(4000), c.Low())
}

// A job that is broken off again and again, and goes on from its checkpoint,
// leaves no item out.
func TestAJobGoesOnWhereItsCheckpointStands(t *testing.T) {
	var mu sync.Mutex
	stored := map[int]int{}
	low, restarts := int64(0), 0
	for low < 500 {
		c := pipeline.NewCheckpoint(low)
		p := pipeline.New[pipeline.Item[int]]().Then(func(_ context.Context, it pipeline.Item[int]) (pipeline.Item[int], error) {
			mu.Lock()
			defer mu.Unlock()
			stored[it.Value]++
			return it, nil
		}, pipeline.Workers(4))
		n := 0
		for it, err := range p.Stream(t.Context(), pipeline.Number(numbers(500), low)) {
			require.NoError(t, err)
			c.Done(it.Index)
			if n++; n == 70 {
				break
			}
		}
		require.Equal(t, min(low+70, 500), c.Low())
		low = c.Low()
		restarts++
	}
	assert.Len(t, stored, 500)
	assert.Greater(t, restarts, 5)
}

func TestNumber(t *testing.T) {
	assert.Equal(t, []pipeline.Item[string]{{1, "b"}, {2, "c"}}, slices.Collect(pipeline.Number(slices.Values([]string{"a", "b", "c"}), 1)))
	assert.PanicsWithValue(t, "pipeline: the first number must be at least 0, got -1", func() { pipeline.Number(numbers(1), -1) })
	assert.PanicsWithValue(t, "pipeline: a checkpoint must be at least 0, got -1", func() { pipeline.NewCheckpoint(-1) })
}
