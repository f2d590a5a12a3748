package semaphore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

func TestWeightedCounts(t *testing.T) {
	w := semaphore.NewWeighted(3)
	require.NoError(t, w.Acquire(t.Context(), 2))
	assert.False(t, w.TryAcquire(2))
	assert.True(t, w.TryAcquire(1))
	assert.True(t, w.TryAcquire(0))
	w.Release(0)
	w.Release(3)
	assert.True(t, w.TryAcquire(3))
	assert.Panics(t, func() { w.Release(4) })
	assert.Panics(t, func() { w.Release(-1) })
	assert.Panics(t, func() { w.TryAcquire(-5) })
	w.Release(3)
	assert.True(t, w.TryAcquire(3), "the panics changed nothing")
	assert.False(t, w.TryAcquire(1))
}

func TestWeightedTakesSizeZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range []*semaphore.Weighted{semaphore.NewWeighted(0), new(semaphore.Weighted)} {
			require.NoError(t, w.Acquire(t.Context(), 0))
			assert.True(t, w.TryAcquire(0))
			assert.False(t, w.TryAcquire(1))
			w.Release(0)
			assert.PanicsWithValue(t, "semaphore: released 1 permits, but only 0 are held", func() { w.Release(1) })
			assert.Panics(t, func() { w.TryAcquire(-1) })
			assert.Panics(t, func() { w.Release(-1) })
			assert.Panics(t, func() { _ = w.Acquire(t.Context(), -1) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			assert.Equal(t, context.DeadlineExceeded, w.Acquire(ctx, 1))
			assert.Equal(t, context.DeadlineExceeded, w.Acquire(ctx, 0), "a done context wins")
		}
	})
}

func TestWeightedBlocksARequestAboveTheSizeInNobodysWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := semaphore.NewWeighted(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		tooLarge := waiterOf(t, func() error { return w.Acquire(ctx, 3) })
		require.True(t, w.TryAcquire(2))
		w.Release(2)
		require.NoError(t, w.Acquire(t.Context(), 1))
		w.Release(1)
		requireBlocked(t, tooLarge)
		time.Sleep(time.Hour)
		assert.Equal(t, context.DeadlineExceeded, requireDone(t, tooLarge))
	})
}

func TestWeightedIsFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := semaphore.NewWeighted(2)
		require.True(t, w.TryAcquire(1))
		large := waiterOf(t, func() error { return w.Acquire(t.Context(), 2) })
		assert.False(t, w.TryAcquire(1), "one is free, but somebody waits")
		assert.True(t, w.TryAcquire(0), "takes nothing, so it waits for nobody")
		require.NoError(t, w.Acquire(t.Context(), 0))
		small := waiterOf(t, func() error { return w.Acquire(t.Context(), 1) })
		requireBlocked(t, small)
		w.Release(1)
		require.NoError(t, requireDone(t, large))
		requireBlocked(t, small)
		w.Release(2)
		require.NoError(t, requireDone(t, small))
		w.Release(1)
	})
}

func TestWeightedReturnsTheContextsErrorAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := semaphore.NewWeighted(1)
		ctx, cancel := context.WithCancelCause(t.Context())
		require.True(t, w.TryAcquire(1))
		waiter := waiterOf(t, func() error { return w.Acquire(ctx, 1) })
		cancel(errors.New("a cause"))
		assert.Equal(t, context.Canceled, requireDone(t, waiter))
		assert.Equal(t, context.Canceled, w.Acquire(ctx, 1))
		w.Release(1)
		assert.Equal(t, context.Canceled, w.Acquire(ctx, 1), "a done context wins over a free permit")
		assert.True(t, w.TryAcquire(1))
	})
}
