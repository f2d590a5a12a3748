package ratelimit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// The race detector finds what parts of the table share that have no keys yet.
func TestManyAtOnceBringTheFirstKeysWithLimitsOfTheirOwn(t *testing.T) {
	k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1), 1, ratelimit.PerKey(func(key int) (ratelimit.Rate, int) {
		return ratelimit.PerHour(key + 1), 1
	}))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				assert.True(t, k.Allow(g*1000+i))
				assert.False(t, k.Allow(g*1000+i))
			}
		})
	}
	wg.Wait()
}

func TestAKeyThatIsWaitedForStaysHoweverLongThatTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const burst = 1e9
		k := ratelimit.NewKeyed[int](ratelimit.PerSecond(999_983), burst, ratelimit.MaxKeys(10)) // computes 19 minutes ahead
		require.True(t, k.AllowN(1, burst))
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { assert.NoError(t, k.WaitN(t.Context(), 1, burst)) })
		}
		time.Sleep(80 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, k.Len())
		assert.True(t, k.Allow(2)) // its part of the table is copied
		assert.False(t, k.Allow(1), "five wait for their tokens")
		wg.Wait()
		assert.False(t, k.Allow(1))
	})
}

func TestARateThatIsSetWhileSomebodyBeginsToWaitIsTheOneThatHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for range 3000 {
			k := ratelimit.NewKeyed[int](ratelimit.Rate{}, 1, ratelimit.MaxKeys(10))
			require.True(t, k.Allow(1))
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { assert.NoError(t, k.Wait(ctx, 1)) })
			k.SetRate(ratelimit.PerSecond(1000))
			time.Sleep(time.Minute)
			cancel()
			wg.Wait()
		}
	})
}
