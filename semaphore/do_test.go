package semaphore_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/semaphore"
)

func TestDoHoldsAPermitWhileFnRuns(t *testing.T) {
	s := semaphore.New(2)
	failed := errors.New("failed")
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 7)

	require.NoError(t, s.Do(ctx, func(ctx context.Context) error {
		assert.Equal(t, 7, ctx.Value(key{}))
		requireState(t, s, 1, 0)
		return nil
	}))
	assert.Equal(t, failed, s.Do(ctx, func(context.Context) error { return failed }))
	v, err := semaphore.Do(ctx, s, func(context.Context) (int, error) {
		requireState(t, s, 1, 0)
		return 5, nil
	})
	require.NoError(t, err)
	assert.Equal(t, 5, v)
	v, err = semaphore.Do(ctx, s, func(context.Context) (int, error) { return 6, failed })
	assert.Equal(t, failed, err)
	assert.Equal(t, 6, v, "what fn returned is handed on as it is")
	requireState(t, s, 0, 0)
}

func TestDoWithoutAPermitDoesNotRunFn(t *testing.T) {
	s := semaphore.New(1, semaphore.MaxWaiters(0))
	require.True(t, s.TryAcquire(1))
	assert.Equal(t, semaphore.ErrQueueFull, s.Do(t.Context(), func(context.Context) error { panic("ran") }))
	v, err := semaphore.Do(t.Context(), s, func(context.Context) (int, error) { panic("ran") })
	assert.Equal(t, semaphore.ErrQueueFull, err)
	assert.Zero(t, v)
	requireState(t, s, 1, 0)
}

func TestDoGivesThePermitBackHoweverFnEnds(t *testing.T) {
	s := semaphore.New(1)
	do := func(fn func()) func() {
		return func() {
			_ = s.Do(context.Background(), func(context.Context) error { fn(); return nil })
		}
	}
	typed := func(fn func()) func() {
		return func() {
			_, _ = semaphore.Do(context.Background(), s, func(context.Context) (int, error) { fn(); return 0, nil })
		}
	}
	for _, run := range []func(func()) func(){do, typed} {
		assert.Equal(t, testkit.End{Panicked: true, Value: "boom"}, testkit.Run(run(func() { panic("boom") })))
		requireState(t, s, 0, 0)
		assert.Equal(t, testkit.End{Exited: true}, testkit.Run(run(runtime.Goexit)))
		requireState(t, s, 0, 0)
		assert.Equal(t, testkit.End{Returned: true}, testkit.Run(run(func() {})))
		requireState(t, s, 0, 0)
	}
}
