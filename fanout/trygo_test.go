package fanout_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

func TestTryGoTakesWhatGoWouldNotWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 3} {
			g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
			gate := make(chan struct{})
			var ran atomic.Int64
			task := func(context.Context) error { <-gate; ran.Add(1); return nil }
			for range 2 * workers { // as many run, as many wait
				require.True(t, g.TryGo(task))
			}
			synctest.Wait()
			require.False(t, g.TryGo(task))
			refused, ok := fanout.TryGo(g, func(context.Context) (int, error) { panic("ran") })
			require.False(t, ok)
			require.Nil(t, refused)
			close(gate)
			synctest.Wait()
			taken, ok := fanout.TryGo(g, func(context.Context) (int, error) { return 7, nil })
			require.True(t, ok)
			v, err := taken.Result()
			require.NoError(t, err)
			assert.Equal(t, 7, v)
			require.NoError(t, g.Wait())
			assert.EqualValues(t, 2*workers, ran.Load())
		}
	})
}

func TestTasksThatTryGoNeverBlockEachOther(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		g := fanout.NewGroup(t.Context(), fanout.Workers(workers))
		var n atomic.Int64
		var visit func(ctx context.Context, depth int) error
		visit = func(ctx context.Context, depth int) error {
			n.Add(1)
			for range 4 {
				below := func(ctx context.Context) error { return visit(ctx, depth-1) }
				if depth > 0 && !g.TryGo(below) {
					if err := below(ctx); err != nil {
						return err
					}
				}
			}
			return nil
		}
		g.Go(func(ctx context.Context) error { return visit(ctx, 5) })
		require.NoError(t, g.Wait())
		assert.EqualValues(t, 1+4+16+64+256+1024, n.Load())
	}
}

func TestTryGoOfAGroupThatHasStoppedSkips(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := fanout.NewGroup(ctx, fanout.Workers(1))
	for range 5 {
		f, ok := fanout.TryGo(g, func(context.Context) (int, error) { panic("ran") })
		require.True(t, ok)
		_, err := f.Result()
		require.ErrorIs(t, err, fanout.ErrSkipped)
	}
	require.Equal(t, context.Canceled, g.Wait())
	require.Panics(t, func() { g.TryGo(func(context.Context) error { return nil }) }, "after Wait")
	require.PanicsWithValue(t, "fanout: TryGo needs a function, got nil", func() { g.TryGo(nil) })
	require.PanicsWithValue(t, "fanout: TryGo needs a function, got nil", func() { fanout.TryGo[int](g, nil) })
}
