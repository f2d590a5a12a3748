package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestABatchNeverExceedsAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ratelimit.NewBatch(ratelimit.PerSecond(1000), 100, 20)
		g := &grants{count: 1000, period: 1e9, burst: 100}
		r := rand.New(rand.NewPCG(1, 1))
		start, total := time.Now(), 0
		for range 20_000 {
			if b.Allow() {
				now := int64(time.Since(start))
				require.True(t, g.admits(now, 1))
				g.add(now, 1)
				total++
			} else {
				time.Sleep(time.Duration(r.Int64N(3e6)))
			}
			if r.IntN(2000) == 0 {
				time.Sleep(time.Second)
			}
			if len(g.at) > 2000 { // older windows hold by then
				g.at, g.n = g.at[1000:], g.n[1000:]
			}
		}
		assert.Greater(t, float64(total), 5000.0)
	})
}

func TestABatchUsesTheRateAndMostOfTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ratelimit.NewBatch(ratelimit.PerSecond(1000), 100, 20)
		n := 0
		for b.Allow() {
			n++
		}
		assert.Equal(t, 80, n, "the first time no block is left over")
		start := time.Now()
		for range 10_000 {
			require.NoError(t, b.Wait(t.Context()))
		}
		assert.InDelta(t, 10, time.Since(start).Seconds(), 0.01)
		require.NoError(t, b.Do(t.Context(), func(context.Context) error { return nil }))
		b.SetRate(ratelimit.Unlimited)
		assert.Equal(t, ratelimit.Unlimited, b.Rate())
		assert.Equal(t, 100, b.Burst())
	})
}

func TestABatchUnderLoad(t *testing.T) {
	b := ratelimit.NewBatch(ratelimit.PerDay(1), 10_000, 50)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5000 {
				if b.Allow() {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, n.Load(), int64(10_000))
	assert.Greater(t, n.Load(), int64(5000))
}

func TestABatchRefusesBadInput(t *testing.T) {
	assert.PanicsWithValue(t, "ratelimit: the size of a block must be between 1 and half the burst, 5, got 6", func() { ratelimit.NewBatch(ratelimit.PerSecond(1), 10, 6) })
	assert.Panics(t, func() { ratelimit.NewBatch(ratelimit.PerSecond(1), 1, 1) })
	assert.Panics(t, func() { ratelimit.NewBatch(ratelimit.PerSecond(1), 0, 0) })
}

func TestABatchThatMayNotWaitRunsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ratelimit.NewBatch(ratelimit.PerHour(1), 2, 1)
		for b.Allow() {
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		never := func(context.Context) error { panic("not reached") }
		require.ErrorIs(t, b.Do(ctx, never), ratelimit.ErrWouldExceedDeadline)
		b.SetRate(ratelimit.Unlimited)
		cancel()
		require.Equal(t, context.Canceled, b.Do(ctx, never), "a done context wins")
	})
}
