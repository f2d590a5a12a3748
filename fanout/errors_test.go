package fanout_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

func TestErrorsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
		err := fanout.ForEach(t.Context(), []int{0}, slow, fanout.Timeout(time.Second))
		require.EqualError(t, err, "fanout: item 0: fanout: the item timed out after 1s: context deadline exceeded")
		timeout, ok := errors.AsType[net.Error](err)
		require.True(t, ok)
		require.True(t, timeout.Timeout())

		err = fanout.ForEach(t.Context(), []int{0}, func(ctx context.Context, _ int) error { <-ctx.Done(); return errBoom }, fanout.Timeout(time.Second))
		require.EqualError(t, err, "fanout: item 0: fanout: the item timed out after 1s: boom")
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, fanout.ErrTimeout)
		require.NoError(t, fanout.ForEach(t.Context(), []int{0}, func(ctx context.Context, _ int) error { <-ctx.Done(); return nil }, fanout.Timeout(time.Second)),
			"late, and well")

		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		g := fanout.NewGroup(ctx)
		_, err = g.Go(func(context.Context) error { return nil }).Result()
		require.EqualError(t, err, "fanout: skipped: the group had stopped: context canceled: boom")
		require.EqualError(t, g.Wait(), "context canceled: boom")

		ctx, cancel = context.WithCancelCause(t.Context())
		err = fanout.ForEach(ctx, upTo(3), func(context.Context, int) error { cancel(nil); return errBoom }, fanout.CollectErrors(), fanout.Workers(1))
		require.EqualError(t, err, "fanout: 1 failed, and the rest did not run: context canceled; item 0: boom")
	})
}

func TestOfTwoTimeoutsTheOneThatPassedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, outer := range []time.Duration{time.Second, time.Hour} {
			var inner error
			err := fanout.ForEach(t.Context(), []int{0}, func(ctx context.Context, _ int) error {
				inner = fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error {
					<-ctx.Done()
					return ctx.Err()
				}, fanout.Timeout(time.Minute))
				return inner
			}, fanout.Timeout(outer))
			require.ErrorIs(t, err, fanout.ErrTimeout)
			if outer == time.Second {
				require.Contains(t, err.Error(), "timed out after 1s")
				require.NotContains(t, inner.Error(), "1m0s", "its own time was not over")
			} else {
				require.NotContains(t, err.Error(), "1h0m0s")
				require.Contains(t, inner.Error(), "timed out after 1m0s")
			}
		}
	})
}

func TestAnErrorThatSaysCanceledByItselfIsNotOurs(t *testing.T) {
	// Nothing was cancelled: it is the item's own trouble, a context of its own.
	err := fanout.ForEach(t.Context(), upTo(3), func(context.Context, int) error { return context.Canceled }, fanout.Workers(1))
	item, ok := errors.AsType[*fanout.ItemError](err)
	require.True(t, ok)
	require.Equal(t, 0, item.Index)
	require.ErrorIs(t, err, context.Canceled)
}

func TestEveryErrorOfManySiblingsIsTheirsOrTheFirst(t *testing.T) { // trap T6
	for range 200 {
		fns := make([]func(context.Context) error, 8)
		for i := range fns {
			fns[i] = func(ctx context.Context) error {
				if i == 5 {
					return errBoom
				}
				<-ctx.Done()
				if i%2 == 0 {
					return ctx.Err()
				}
				return context.Cause(ctx)
			}
		}
		require.EqualError(t, fanout.All(t.Context(), fns...), "fanout: item 5: boom")
	}
}
