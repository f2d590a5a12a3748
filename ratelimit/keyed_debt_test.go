package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// A key of a Keyed with Debt is what a Limiter with Debt is: it takes the same debt
// at once, waits the same, and has the same left afterwards.
func TestAKeyMayBeInDebtAsALimiterMay(t *testing.T) {
	perKey := ratelimit.PerKey(func(int) (ratelimit.Rate, int) { return ratelimit.PerSecond(999_983), 1 })
	for name, opts := range map[string][]ratelimit.KeyedOption{
		"one limit": {ratelimit.Debt()},
		"PerKey":    {ratelimit.Debt(), perKey},
	} {
		for _, n := range []int{5, 1000, 5_000_000_000} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					k := ratelimit.NewKeyed[int](ratelimit.PerSecond(999_983), 1, opts...)
					l := ratelimit.New(ratelimit.PerSecond(999_983), 1, ratelimit.Debt())
					require.True(t, l.AllowN(n))
					require.True(t, k.AllowN(1, n))
					assert.InDelta(t, l.Take(1).RetryAfter, k.Take(1, 1).RetryAfter, float64(l.Take(1).RetryAfter)*1e-6+2)

					begun := time.Now()
					require.NoError(t, l.Wait(t.Context()))
					want := time.Since(begun)
					assert.True(t, k.Allow(2))
					assert.False(t, k.Allow(2), "another key has its burst alone")
					require.NoError(t, k.Wait(t.Context(), 1))
					assert.InDelta(t, want, time.Since(begun), float64(want)*1e-6+2)
					assert.False(t, k.Allow(1))

					begun = time.Now() // a wait that becomes a debt
					require.NoError(t, k.WaitN(t.Context(), 3, n))
					require.NoError(t, k.WaitN(t.Context(), 3, 1))
					assert.InDelta(t, want, time.Since(begun), float64(want)*1e-6+2000)
				})
			})
		}
	}
}

// A bucket that moves between the table and the queue of those who wait gains
// nothing on the way. Virtual time stands still meanwhile, so this is in real time;
// what is asserted does not depend on how fast the machine is.
func TestABucketGainsNothingWhereItMovesToAQueue(t *testing.T) {
	const debt = 100 * time.Second
	begun := time.Now()
	k := ratelimit.NewKeyed[int](ratelimit.PerSecond(1_000_000_000), 1, ratelimit.Debt())
	require.True(t, k.AllowN(1, int(debt)))
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		require.ErrorIs(t, k.Wait(ctx, 1), context.Canceled)
	}
	left := k.Take(1, 1).RetryAfter
	assert.GreaterOrEqual(t, left, debt-time.Since(begun))
}
