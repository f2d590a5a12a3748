package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

func TestChanWorksBetweenChannels(t *testing.T) {
	in, out := make(chan int), make(chan int)
	go func() {
		defer close(in)
		for i := range 100 {
			in <- i
		}
	}()
	var err error
	go func() {
		defer close(out)
		err = fanout.Chan(t.Context(), in, out, func(_ context.Context, i int) (int, error) { return 2 * i, nil }, fanout.Workers(4))
	}()
	n := 0
	for v := range out {
		require.Equal(t, 2*n, v)
		n++
	}
	require.NoError(t, err)
	require.Equal(t, 100, n)
}

func TestAStreamOfASilentChannelCanBeLeft(t *testing.T) { // trap T9, T30
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		in := make(chan int, 2) // never closed
		in <- 7
		for v, err := range fanout.StreamChan(t.Context(), in, func(_ context.Context, i int) (int, error) { return i, nil }, opts...) {
			require.NoError(t, err)
			require.Equal(t, 7, v)
			break
		}
		in <- 8
		close(in)
		n := 0
		for range fanout.StreamChan(t.Context(), in, func(_ context.Context, i int) (int, error) { return i, nil }, opts...) {
			n++
		}
		require.Equal(t, 1, n)
	})
}

func TestChanStopsForEveryReason(t *testing.T) {
	feed := func(n int) <-chan int {
		in := make(chan int, n)
		for i := range n {
			in <- i
		}
		return in // not closed: only a reason to stop ends it
	}
	t.Run("error", func(t *testing.T) {
		err := fanout.Chan(t.Context(), feed(100), make(chan int, 100), func(_ context.Context, i int) (int, error) {
			if i == 7 {
				return 0, errBoom
			}
			return i, nil
		})
		require.EqualError(t, err, "fanout: item 7: boom")
	})
	t.Run("context, nobody reads", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := fanout.Chan(ctx, feed(100), make(chan int), func(_ context.Context, i int) (int, error) {
			if i == 7 {
				cancel()
			}
			return i, nil
		}, fanout.Workers(2))
		require.Equal(t, context.Canceled, err)
	})
	t.Run("context, nobody writes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := fanout.Chan(ctx, make(chan int), make(chan int), func(_ context.Context, i int) (int, error) { return i, nil })
			require.Equal(t, context.DeadlineExceeded, err)
		})
	})
	t.Run("collected", func(t *testing.T) {
		in := make(chan int, 10)
		for i := range 10 {
			in <- i
		}
		close(in)
		err := fanout.Chan(t.Context(), in, make(chan int, 10), func(_ context.Context, i int) (int, error) {
			if i%5 == 0 {
				return 0, errBoom
			}
			return i, nil
		}, fanout.CollectErrors())
		batch, ok := errors.AsType[*fanout.BatchError](err)
		require.True(t, ok)
		require.Len(t, batch.Failures, 2)
		require.Equal(t, 5, batch.Failures[1].Index)
	})
	t.Run("panic", func(t *testing.T) {
		end := testkit.Run(func() {
			_ = fanout.Chan(t.Context(), feed(100), make(chan int, 100), func(context.Context, int) (int, error) { panic(errBoom) })
		})
		require.True(t, end.Panicked)
		require.IsType(t, &fanout.PanicError{}, end.Value)
	})
	t.Run("goexit", func(t *testing.T) {
		end := testkit.Run(func() {
			_ = fanout.Chan(t.Context(), feed(100), make(chan int, 100), func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
		})
		require.True(t, end.Exited)
	})
}
