package fanout_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

// Sentences of the package's documentation, each with its test.

func TestNoFunctionRunsAnythingWhenItsContextIsDone(t *testing.T) { // trap T7
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range optioned {
		call(ctx, fanout.Guard(layer{func(context.Context, func(context.Context) error) error {
			t.Errorf("%s ran an item", name)
			return nil
		}}))
	}
	in := sent(4)
	for _, err := range fanout.StreamChan(ctx, in, itself) {
		require.Equal(t, context.Canceled, err)
	}
	require.Equal(t, context.Canceled, fanout.Chan(ctx, in, make(chan int, 4), itself))
	require.Len(t, in, 4, "nothing was received")
}

func TestThereAreNeverMoreGoroutinesThanWorkers(t *testing.T) { // trap T35
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	tests := []struct {
		name    string
		workers int
		opts    []fanout.Option
	}{
		{"default", 4, nil},
		{"one", 1, []fanout.Option{fanout.Workers(1)}},
		{"eight", 8, []fanout.Option{fanout.Workers(8)}},
		{"below the threshold", 1, []fanout.Option{fanout.Workers(8), fanout.Threshold(1000)}},
	}
	for _, tt := range tests {
		for _, c := range calls {
			synctest.Test(t, func(t *testing.T) {
				before := runtime.NumGoroutine()
				var most atomic.Int64
				require.NoError(t, c.call(t.Context(), upTo(100), func(context.Context, int) error {
					time.Sleep(time.Millisecond)
					now := int64(runtime.NumGoroutine() - before)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					return nil
				}, tt.opts...))
				require.LessOrEqual(t, most.Load(), int64(tt.workers-1), "%s, %s: the caller is one of them", c.name, tt.name)
			})
		}
	}
}

func TestAnUnorderedStreamPassesAStuckItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []int
		for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(10)), func(_ context.Context, i int) (int, error) {
			if i == 0 {
				time.Sleep(time.Hour)
			}
			return i, nil
		}, fanout.Workers(2), fanout.Unordered()) {
			require.NoError(t, err)
			if got = append(got, v); len(got) < 10 {
				require.Zero(t, time.Since(start), "item %d waited", v)
			}
		}
		require.Equal(t, 0, got[9])
	})
}

func TestItemsThatWaitForRoomInOutCountForTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var begun atomic.Int64
		in := sent(100)
		err := fanout.Chan(ctx, in, make(chan int), func(_ context.Context, i int) (int, error) { // nobody reads
			begun.Add(1)
			return i, nil
		}, fanout.Workers(4), fanout.Window(16))
		require.Equal(t, context.DeadlineExceeded, err)
		require.EqualValues(t, 16, begun.Load())
	})
}

func TestAWindowSmallerThanWorkersBoundsWhatRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(40)), func(_ context.Context, i int) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			return i, nil
		}, fanout.Workers(8), fanout.Window(3)) {
			require.NoError(t, err)
		}
		require.EqualValues(t, 3, most.Load())
	})
}

func TestSeveralMayWaitForAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := fanout.NewGroup(t.Context(), fanout.Workers(2))
		for i := range 5 {
			g.Go(func(context.Context) error {
				time.Sleep(time.Second)
				if i == 3 {
					return errBoom
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for k := range errs {
			wg.Go(func() { errs[k] = g.Wait() })
		}
		wg.Wait()
		for _, err := range errs {
			assert.EqualError(t, err, "fanout: item 3: boom")
		}
	})
}

// What was changed until an error stays changed, and nothing else.
func TestAnUpdateThatFailsLeavesTheRestUntouched(t *testing.T) {
	for k := range size {
		items := upTo(size)
		err := fanout.Update(t.Context(), items, func(_ context.Context, i *int) error {
			if *i == k {
				return errBoom
			}
			*i += 100
			return nil
		}, fanout.Workers(1))
		require.ErrorIs(t, err, errBoom)
		for i, v := range items {
			if i < k {
				require.Equal(t, 100+i, v)
			} else {
				require.Equal(t, i, v)
			}
		}
	}
}
