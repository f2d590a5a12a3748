package retry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

// outage makes n calls that fail, and returns how many retries were made.
func outage(t *testing.T, p *retry.Policy, n int) int {
	t.Helper()
	attempts := 0
	for range n {
		assert.Error(t, p.Do(t.Context(), func(context.Context) error { attempts++; return errBoom }))
	}
	return attempts - n
}

func TestABudgetAllowsItsRatioOfTheCallsAndTheMinimum(t *testing.T) {
	tests := []struct {
		ratio       float64
		min         int
		calls, want int
	}{
		{0.1, 0, 9, 0},
		{0.1, 0, 10, 1},
		{0.1, 0, 1000, 100},
		{0.1, 3, 1000, 103},
		{0, 3, 1000, 3},
		{1.005, 0, 200, 201}, // 1.005 * 1e6 is less than 1005000 in a float64
		{1, 0, 100, 100},
		{2, 1, 100, 201},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := constant(0, retry.MaxRetries(5), retry.Spend(retry.NewBudget(tt.ratio, tt.min)))
			assert.Equal(t, tt.want, outage(t, p, tt.calls), "%+v", tt)
		})
	}
}

func TestTheBoundsOfABudgetAreAllowed(t *testing.T) {
	assert.NotPanics(t, func() { retry.NewBudget(1000, 1_000_000) })
	assert.Panics(t, func() { retry.NewBudget(1000.001, 0) })
	assert.Panics(t, func() { retry.NewBudget(0, 1_000_001) })
}

func TestTheRatioIsRoundedDownToMillionths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.MaxRetries(100), retry.Spend(retry.NewBudget(0.0000199, 0)))
		for range 50_000 { // 20 millionths of them would be one retry
			_ = p.Do(t.Context(), succeed)
		}
		assert.Zero(t, outage(t, p, 1))
	})
}

func TestASpentBudgetEndsTheCall(t *testing.T) {
	p := constant(0, retry.Spend(retry.NewBudget(0, 1)))
	_ = outage(t, p, 1)
	s := scripted(errBoom)
	err := p.Do(t.Context(), s.run)
	assert.Len(t, s.at, 1)
	for _, target := range []error{retry.ErrExhausted, retry.ErrBudgetSpent, errBoom} {
		assert.ErrorIs(t, err, target)
	}
}

func TestABudgetForgetsAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.MaxRetries(100), retry.Spend(retry.NewBudget(0.1, 0)))
		for range 100 {
			require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		}
		time.Sleep(9 * time.Second)
		assert.Equal(t, 10, outage(t, p, 1), "calls of the last ten seconds count")
		time.Sleep(time.Second)
		assert.Zero(t, outage(t, p, 9), "those before do not")
		time.Sleep(time.Hour)
		assert.Zero(t, outage(t, p, 9))
		assert.Equal(t, 1, outage(t, p, 1))
	})
}

func TestTheMinimumIsThatOfAnySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.MaxRetries(100), retry.Spend(retry.NewBudget(0, 3)))
		time.Sleep(900 * ms)
		assert.Equal(t, 3, outage(t, p, 1))
		time.Sleep(999 * ms) // in the next second of the clock, but not a second later
		assert.Zero(t, outage(t, p, 1))
		time.Sleep(1 * ms)
		assert.Equal(t, 3, outage(t, p, 1))
	})
}

func TestABudgetIsSharedBetweenPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBudget(0.5, 0)
		calls, fails := constant(0, retry.Spend(b)), constant(0, retry.Spend(b), retry.MaxRetries(100))
		for range 19 {
			require.NoError(t, calls.Do(t.Context(), func(context.Context) error { return nil }))
		}
		assert.Equal(t, 10, outage(t, fails, 1))
	})
}

func TestABudgetIsExactUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBudget(0.1, 5)
		var attempts atomic.Int64
		var wg sync.WaitGroup
		const workers, each = 16, 500
		for range workers {
			p := constant(0, retry.MaxRetries(3), retry.Spend(b))
			wg.Go(func() {
				for range each {
					_ = p.Do(t.Context(), func(context.Context) error { attempts.Add(1); return errBoom })
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int64(workers*each/10+5), attempts.Load()-workers*each)
	})
}

func TestABudgetForgetsATimeThatHasNotCome(t *testing.T) {
	var p *retry.Policy
	synctest.Test(t, func(t *testing.T) {
		p = constant(0, retry.MaxRetries(100), retry.Spend(retry.NewBudget(0.5, 1)))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 21, outage(t, p, 40))
	})
	synctest.Test(t, func(t *testing.T) { // whose clock begins before
		assert.Equal(t, 21, outage(t, p, 40))
	})
	assert.Equal(t, 21, outage(t, p, 40), "outside of both")
}

func TestABudgetWorksBeforeTheTimeItWasMade(t *testing.T) {
	var p *retry.Policy
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5500 * ms)
		p = constant(0, retry.MaxRetries(100), retry.Spend(retry.NewBudget(0.5, 0)))
	})
	synctest.Test(t, func(t *testing.T) { // in second -6 of the budget
		for range 40 {
			assert.NoError(t, p.Do(t.Context(), succeed))
		}
		time.Sleep(9400 * ms) // second 3
		assert.Equal(t, 20, outage(t, p, 1))
		time.Sleep(200 * ms)            // second 4: ten seconds later
		assert.Zero(t, outage(t, p, 1)) // two of 1: spent when second 4 began
	})
}

// Trap 8: a panic leaks the share of a retry that the budget had given out.
func TestTrap8APanicLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.Spend(retry.NewBudget(0, 5)))
		for _, ends := range []func(){func() { panic("boom") }, exit} {
			for range 50 {
				testkit.Run(func() {
					_ = p.Do(t.Context(), func(ctx context.Context) error {
						if retry.Attempt(ctx) == 2 {
							ends()
						}
						return errBoom
					})
				})
			}
			time.Sleep(time.Second)
			assert.Equal(t, 5, outage(t, p, 5), "the next second has all of them")
			time.Sleep(time.Second)
		}
	})
}

func TestABudgetMadeOutsideABubbleWorksInside(t *testing.T) {
	b := retry.NewBudget(0.5, 1)
	p := constant(0, retry.MaxRetries(100), retry.Spend(b))
	assert.Equal(t, 2, outage(t, p, 2))
	for i := range 2 { // each bubble's clock begins at the same time
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Duration(i) * time.Hour)
			assert.Equal(t, 2, outage(t, p, 2))
		})
	}
}
