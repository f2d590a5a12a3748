package breaker_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

func TestAdmissionGrowsAfterClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.RampUp(10*time.Second), breaker.Counted())
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
		for tenth := range 12 {
			admitted := 0
			for range 100 {
				p, err := b.Acquire(t.Context())
				if err == nil {
					p.Done(nil)
					admitted++
					continue
				}
				open, ok := errors.AsType[*breaker.OpenError](err)
				require.True(t, ok)
				assert.Equal(t, breaker.Closed, open.State)
				assert.Zero(t, open.RetryAfter())
				assert.EqualError(t, err, "breaker: circuit recovering, only some calls admitted: down")
			}
			assert.Equal(t, min(10*(tenth+1), 100), admitted)
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 900-450, b.Stats().Rejected)
	})
}

func TestReadyUsesUpNoTurnButThatOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.RampUp(10*time.Second))
		play(t, b, "s")
		for range 9 {
			assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
		}
		for range 20 {
			require.NoError(t, b.Ready(), "the tenth turn comes, and asking does not take it")
		}
		play(t, b, "s")
		assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
	})
}

func TestAFailureWhileRampingUpOpensByTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.RampUp(10*time.Second))
		play(t, b, "s")
		for b.Ready() != nil {
		}
		play(t, b, "f")
		assert.Equal(t, breaker.Open, b.State())
		time.Sleep(b.RetryAfter())
		play(t, b, "s")
		time.Sleep(10 * time.Second)
		play(t, b, strings.Repeat("s", 100))
	})
}

func TestARampEndsAlsoWithoutCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, breaker.RampUp(10*time.Second), breaker.StuckCalls(time.Minute, 5))
		play(t, b, "s")
		time.Sleep(9 * time.Second)
		play(t, b, "s")
	})
}
