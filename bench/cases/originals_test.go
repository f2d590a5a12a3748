package cases_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/wrapper"
)

// TestTheOriginalsAreLayers composes the limiter of x/time and the semaphore of
// x/sync: twenty calls that come at once are as many at a time as the one says, and
// start when the other says.
func TestTheOriginalsAreLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(
			breaker.New(),
			wrapper.Limiter(rate.NewLimiter(10, 1)),
			wrapper.Semaphore(semaphore.NewWeighted(3)),
		)
		begin := time.Now()
		var starts []time.Duration
		running, most := 0, 0
		turn := make(chan struct{}, 1) // a lock that a bubble can wait for
		turn <- struct{}{}
		count := func(by int) {
			<-turn
			if running += by; by > 0 {
				starts = append(starts, time.Since(begin))
			}
			most = max(most, running)
			turn <- struct{}{}
		}
		var calls errgroup.Group
		for range 20 {
			calls.Go(func() error {
				return w.Do(t.Context(), func(context.Context) error {
					count(+1)
					defer count(-1)
					time.Sleep(time.Second)
					return nil
				})
			})
		}
		require.NoError(t, calls.Wait())
		assert.Equal(t, 3, most)
		require.Len(t, starts, 20)
		for i, at := range starts {
			assert.GreaterOrEqual(t, at, time.Duration(i)*100*time.Millisecond)
		}
		assert.Equal(t, 6*time.Second+100*time.Millisecond, starts[19], "the twentieth is the second of the seventh round")
	})
}

// TestTheOriginalsGiveBack: a call that is cancelled while it waits, and one that
// panics, leave nothing taken.
func TestTheOriginalsGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		permits := semaphore.NewWeighted(1)
		w := wrapper.Compose(wrapper.Limiter(rate.NewLimiter(rate.Every(time.Minute), 1)), wrapper.Semaphore(permits))
		assert.PanicsWithValue(t, "boom", func() {
			_ = w.Do(t.Context(), func(context.Context) error { panic("boom") })
		})
		assert.True(t, permits.TryAcquire(1))
		permits.Release(1)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := w.Do(ctx, func(context.Context) error { t.Error("ran"); return nil })
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, permits.TryAcquire(1))
	})
}
