package wrapper_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/wrapper"
)

func nothing(context.Context) error { return nil }

func TestCloseRefusesNewCallsAndWaitsForThoseRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose()
		begin := time.Now()
		var wg sync.WaitGroup
		for _, d := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			wg.Go(func() {
				assert.NoError(t, w.Do(t.Context(), func(context.Context) error { time.Sleep(d); return nil }))
			})
		}
		synctest.Wait()
		assert.Equal(t, wrapper.Stats{Running: 3}, w.Stats())
		for range 2 { // idempotent, and from several goroutines at once
			wg.Go(func() {
				assert.NoError(t, w.Close())
				assert.Equal(t, 3*time.Second, time.Since(begin))
			})
		}
		synctest.Wait()
		err := w.Do(t.Context(), nothing)
		assert.Equal(t, wrapper.ErrClosed, err)
		assert.True(t, wrapper.Rejected(err))
		wg.Wait()
		assert.Equal(t, wrapper.Stats{Closed: true}, w.Stats())
		assert.NoError(t, w.Close())
	})
}

func TestCloseIsNotHeldUpByCallsThatEndedInPanicOrGoexit(t *testing.T) {
	w := wrapper.Compose(wrapper.Timeout(time.Hour))
	end := testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { panic("boom") }) })
	assert.Equal(t, "boom", end.Value)
	end = testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
	assert.True(t, end.Exited)
	assert.NoError(t, w.Close())
}

func TestShutdownWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose()
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.Do(t.Context(), func(context.Context) error { time.Sleep(time.Minute); return nil }) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		assert.Equal(t, context.DeadlineExceeded, w.Shutdown(ctx))
		assert.Equal(t, time.Second, time.Since(begin))
		assert.Equal(t, wrapper.ErrClosed, w.Do(t.Context(), nothing), "still closed")
		wg.Wait()
		assert.NoError(t, w.Shutdown(ctx), "nothing runs any more: a done context does not matter")
	})
}

func TestAnInnerWrapperIsClosedAlone(t *testing.T) {
	inner := wrapper.Compose(wrapper.Timeout(time.Second))
	outer := wrapper.Compose(inner)
	assert.NoError(t, outer.Close())
	assert.NoError(t, inner.Do(t.Context(), nothing), "the caller's part stays open")
	again := wrapper.Compose(inner)
	assert.NoError(t, inner.Close())
	assert.Equal(t, wrapper.ErrClosed, again.Do(t.Context(), nothing))
	assert.Zero(t, again.Stats().Running)
}

func TestCloseNeverMissesACallUnderLoad(t *testing.T) {
	for range 200 {
		w := wrapper.Compose()
		var wg sync.WaitGroup
		inside := make(chan struct{}, 64)
		for range 8 {
			wg.Go(func() {
				for range 8 {
					_ = w.Do(t.Context(), func(context.Context) error {
						inside <- struct{}{}
						runtime.Gosched()
						<-inside
						return nil
					})
				}
			})
		}
		assert.NoError(t, w.Close())
		assert.Empty(t, inside, "a call runs after Close has returned")
		wg.Wait()
	}
}
