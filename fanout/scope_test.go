package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

type key struct{}

// inside runs f with the context of a callback, on every way to run one.
func inside(ctx context.Context, t *testing.T, f func(ctx context.Context)) {
	t.Helper()
	for _, w := range ways {
		require.NoError(t, fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error { f(ctx); return nil }, w.opts...))
	}
	require.NoError(t, fanout.All(ctx, func(ctx context.Context) error { f(ctx); return nil }))
	g := fanout.NewGroup(ctx)
	g.Go(func(ctx context.Context) error { f(ctx); return nil })
	require.NoError(t, g.Wait())
}

func TestACallbacksContextHasTheValuesAndTheDeadlineOfTheCallers(t *testing.T) {
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, 7), deadline)
	defer cancel()
	inside(ctx, t, func(ctx context.Context) {
		for range 2 { // before and after somebody asked for Done
			assert.Equal(t, 7, ctx.Value(key{}))
			got, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.Equal(t, deadline, got)
			assert.NoError(t, ctx.Err())
			assert.NoError(t, context.Cause(ctx))
			select {
			case <-ctx.Done():
				assert.Fail(t, "done")
			default:
			}
		}
	})
}

func TestACallbacksContextEndsWithTheCallersAndItsCause(t *testing.T) {
	for _, asked := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error {
			if asked {
				_ = ctx.Done()
			}
			cancel(errBoom)
			<-ctx.Done()
			assert.Equal(t, context.Canceled, ctx.Err())
			assert.Equal(t, errBoom, context.Cause(ctx))
			return nil
		})
		require.NoError(t, err)
	}
}

func TestContextsMadeOfACallbacksNeedNoGoroutine(t *testing.T) {
	inside(t.Context(), t, func(ctx context.Context) {
		before := runtime.NumGoroutine()
		for range 20 {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			_, cancel = context.WithTimeout(child, time.Hour)
			defer cancel()
			stop := context.AfterFunc(ctx, func() {})
			defer stop()
		}
		assert.LessOrEqual(t, runtime.NumGoroutine(), before+5, "other tests' goroutines apart")
	})
}

func TestContextsMadeOfACallbacksEndWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept, child context.Context
		after := make(chan error, 1)
		err := fanout.ForEach(t.Context(), []int{0}, func(ctx context.Context, _ int) error {
			kept = ctx
			var cancel context.CancelFunc
			child, cancel = context.WithTimeout(ctx, time.Hour)
			t.Cleanup(cancel) // late: the end of the call ends it
			context.AfterFunc(ctx, func() { after <- context.Cause(ctx) })
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, context.Canceled, kept.Err())
		require.Equal(t, context.Canceled, child.Err())
		require.Equal(t, context.Canceled, <-after)
	})
}

func TestAKeptContextStaysAsItEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var kept context.Context
	require.NoError(t, fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error { kept = ctx; return nil }))
	for range 2 {
		require.Equal(t, context.Canceled, kept.Err())
		<-kept.Done()
		require.Equal(t, context.Canceled, context.Cause(kept))
		cancel(errBoom) // too late to be why
	}
}

func TestSiblingsHearOfAnErrorAndOfItsCause(t *testing.T) {
	heard := make(chan error, 1)
	err := fanout.All(t.Context(),
		func(ctx context.Context) error {
			<-ctx.Done()
			heard <- context.Cause(ctx)
			return ctx.Err()
		},
		func(context.Context) error { return errBoom })
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, err, <-heard)
	item, ok := errors.AsType[*fanout.ItemError](err)
	require.True(t, ok)
	require.Equal(t, 1, item.Index)
}

func TestEverythingWorksInTwoBubblesAndOutside(t *testing.T) { // trap T20
	work := func(t *testing.T) {
		_, err := fanout.Map(t.Context(), upTo(100), func(ctx context.Context, i int) (int, error) {
			select {
			case <-time.After(time.Microsecond):
			case <-ctx.Done():
			}
			return i, nil
		}, fanout.Workers(8), fanout.Timeout(time.Hour))
		require.NoError(t, err)
		g := fanout.NewGroup(t.Context())
		for range 20 {
			g.Go(func(context.Context) error { return nil })
		}
		require.NoError(t, g.Wait())
		for range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) { return 0, nil }) {
			break
		}
	}
	work(t)
	synctest.Test(t, work)
	work(t)
	synctest.Test(t, work)
}
