package wrapper_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestAnOverrideOfTheTimeoutTakesItsPlace(t *testing.T) {
	l := ratelimit.New(ratelimit.PerSecond(1000), 1000)
	tests := []struct {
		name   string
		layers []wrapper.Layer
		want   time.Duration
	}{
		{"shorter than one", []wrapper.Layer{wrapper.Timeout(time.Minute), l}, 5 * time.Second},
		{"longer than one", []wrapper.Layer{wrapper.Timeout(time.Second), l}, 5 * time.Second},
		{"of a wrapper inside", []wrapper.Layer{wrapper.Compose(wrapper.Compose(wrapper.Timeout(time.Second)), l)}, 5 * time.Second},
		{"longer than one inside a Recover", []wrapper.Layer{wrapper.Recover(), wrapper.Timeout(time.Second), l}, 5 * time.Second},
		{"inside a Recover where there is none", []wrapper.Layer{wrapper.Recover(), l}, 5 * time.Second},
		{"where there is nothing but a Recover", []wrapper.Layer{wrapper.Recover()}, 5 * time.Second},
		{"where there is none", []wrapper.Layer{l}, 5 * time.Second},
		{"of an empty wrapper", nil, 5 * time.Second},
		{"around one that is not outermost", []wrapper.Layer{l, wrapper.Timeout(time.Second)}, time.Second},
		{"around that of an attempt", []wrapper.Layer{wrapper.AttemptTimeout(time.Second)}, time.Second},
		{"shorter than that of an attempt", []wrapper.Layer{wrapper.AttemptTimeout(time.Minute)}, 5 * time.Second},
		{"in the place of the outer of two", []wrapper.Layer{wrapper.Timeout(time.Second), wrapper.AttemptTimeout(3 * time.Second)}, 3 * time.Second},
		{"around a foreign layer", []wrapper.Layer{wrapper.Func(straight), wrapper.Timeout(time.Hour)}, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := wrapper.Compose(tt.layers...)
				ctx := wrapper.WithOverride(t.Context(), wrapper.Override{Timeout: 5 * time.Second})
				begin := time.Now()
				err := w.Do(ctx, hanging)
				assert.ErrorIs(t, err, wrapper.ErrTimeout)
				assert.Equal(t, tt.want, time.Since(begin))
				assert.Zero(t, w.Stats().Running)
				require.NoError(t, w.Close())
				assert.ErrorIs(t, w.Do(ctx, nothing), wrapper.ErrClosed)
			})
		})
	}
}

func TestTimeoutAndNoRetryHoldForOneCallAndNotForThoseInsideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := wrapper.Compose(wrapper.Timeout(time.Minute), retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))))
		outer := wrapper.Compose(retry.New(retry.MaxRetries(5)))
		ctx := wrapper.WithOverride(t.Context(), wrapper.Override{Timeout: time.Hour, NoRetry: true, Priority: 3, Key: "k"})
		outerRuns, innerRuns := 0, 0
		begin := time.Now()
		assert.Error(t, outer.Do(ctx, func(ctx context.Context) error {
			outerRuns++
			o, ok := wrapper.OverrideOf(ctx)
			assert.True(t, ok)
			assert.Equal(t, wrapper.Override{Priority: 3, Key: "k"}, o, "priority and key hold inside")
			return inner.Do(ctx, func(ctx context.Context) error {
				innerRuns++
				if innerRuns == 2 {
					return hanging(ctx)
				}
				return errBoom
			})
		}))
		assert.Equal(t, 1, outerRuns)
		assert.Equal(t, 2, innerRuns)
		assert.Equal(t, time.Minute, time.Since(begin))
	})
}

func TestAnOverrideOfThePriorityGoesAheadInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1)
		w := wrapper.Compose(retry.New(), s)
		require.NoError(t, s.Acquire(t.Context(), 1))
		var wg sync.WaitGroup
		var order []int
		for _, priority := range []int{0, 5, -5, 9} {
			wg.Go(func() {
				ctx := wrapper.WithOverride(t.Context(), wrapper.Override{Priority: priority})
				assert.NoError(t, w.Do(ctx, func(context.Context) error { order = append(order, priority); return nil }))
			})
			synctest.Wait()
		}
		s.Release(1)
		wg.Wait()
		assert.Equal(t, []int{9, 5, 0, -5}, order)
	})
}

func TestALaterOverrideAddsToAnEarlierOne(t *testing.T) {
	ctx := wrapper.WithOverride(t.Context(), wrapper.Override{Priority: 3, Key: "tenant", NoRetry: true})
	ctx = wrapper.WithOverride(ctx, wrapper.Override{Timeout: time.Second, Priority: 4})
	o, ok := wrapper.OverrideOf(ctx)
	assert.True(t, ok)
	assert.Equal(t, wrapper.Override{Timeout: time.Second, Priority: 4, Key: "tenant", NoRetry: true}, o)
	_, ok = wrapper.OverrideOf(t.Context())
	assert.False(t, ok)

	o, _ = wrapper.OverrideOf(wrapper.WithOverride(ctx, wrapper.Override{Key: wrapper.NoKey{}}))
	assert.Equal(t, wrapper.Override{Timeout: time.Second, Priority: 4, NoRetry: true}, o, "a key can be taken away")
	o, _ = wrapper.OverrideOf(wrapper.WithOverride(t.Context(), wrapper.Override{Key: wrapper.NoKey{}}))
	assert.Nil(t, o.Key)
	o, _ = wrapper.OverrideOf(wrapper.WithOverride(ctx, wrapper.Override{Key: []string{"uncomparable"}}))
	assert.Equal(t, []string{"uncomparable"}, o.Key)
}

func TestWithOverridePanicsOnBadValues(t *testing.T) {
	assert.PanicsWithValue(t, "wrapper: the Timeout of an Override must not be negative, got -1s", func() {
		wrapper.WithOverride(t.Context(), wrapper.Override{Timeout: -time.Second})
	})
	assert.PanicsWithValue(t, "wrapper: the Priority of an Override must be between -1000 and 1000, got 1001", func() {
		wrapper.WithOverride(t.Context(), wrapper.Override{Priority: 1001})
	})
}

func TestTheCallSeesItsAttemptAndItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(wrapper.Timeout(time.Minute), retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(time.Second))))
		end := time.Now().Add(time.Minute)
		var attempts []int
		_ = w.Do(t.Context(), func(ctx context.Context) error {
			attempts = append(attempts, wrapper.Attempt(ctx))
			at, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.Equal(t, end.UnixNano(), at.UnixNano())
			return errBoom
		})
		assert.Equal(t, []int{1, 2, 3}, attempts)
	})
}
