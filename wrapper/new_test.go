package wrapper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/wrapper"
)

func TestPausesDoNotGrowWithoutMaxRetryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := wrapper.New(wrapper.Config{RetryAttempts: 4, RetryDelay: 30 * time.Millisecond})
		require.NoError(t, err)
		defer w.Close()
		start := time.Now()
		require.Error(t, w.Do(t.Context(), func(context.Context) error { return errors.New("down") }))
		assert.Equal(t, 120*time.Millisecond, time.Since(start))
	})
}

// TestARetryOutlastsABreakerWhoseOpenTimeItsPausesReach: one whose pauses are
// shorter ends with the first rejection.
func TestARetryOutlastsABreakerWhoseOpenTimeItsPausesReach(t *testing.T) {
	tests := []struct {
		name     string
		max      time.Duration
		outlasts bool
	}{
		{"pauses that do not grow", 0, false},
		{"pauses that are shorter", 4 * time.Second, false},
		{"pauses that are as long", 5 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := wrapper.New(wrapper.Config{
					RetryAttempts: 3, RetryDelay: time.Nanosecond, MaxRetryDelay: tt.max,
					EnableCircuitBreaker: true, CircuitBreakerThreshold: 1,
				})
				require.NoError(t, err)
				defer w.Close()
				start, calls := time.Now(), 0
				err = w.Do(t.Context(), func(context.Context) error {
					if calls++; calls == 1 {
						return errors.New("down")
					}
					return nil
				})
				if tt.outlasts {
					require.NoError(t, err)
					assert.GreaterOrEqual(t, time.Since(start), 5*time.Second)
					return
				}
				require.ErrorIs(t, err, breaker.ErrOpen)
				assert.Less(t, time.Since(start), time.Second)
			})
		})
	}
}
