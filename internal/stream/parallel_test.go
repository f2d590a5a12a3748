package stream_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

var errBoom = errors.New("boom")

// shapes are the paths that must behave alike.
func shapes() []stream.Config {
	return []stream.Config{
		{Workers: 1}, {Workers: 2}, {Workers: 8}, {Workers: 1, Window: 1}, {Workers: 4, Window: 1},
		{Workers: 2, Window: 3}, {Workers: 8, Window: 8},
		{Workers: 1, Unordered: true}, {Workers: 3, Unordered: true}, {Workers: 4, Window: 1, Unordered: true},
		{Workers: 3, Window: 5, Unordered: true},
	}
}

// watch sees whether anything runs that should have ended.
type watch struct {
	active, calls atomic.Int64
	source        atomic.Bool
}

func (w *watch) src(n int, at func(i int)) func(context.Context, func(int) bool) error {
	return func(_ context.Context, yield func(int) bool) error {
		w.source.Store(true)
		defer w.source.Store(false)
		for i := range n {
			if at != nil {
				at(i)
			}
			if !yield(i) {
				return nil
			}
		}
		return nil
	}
}

func (w *watch) work(at func(i int) error) func(context.Context, int64, int) (int, error) {
	return func(_ context.Context, index int64, v int) (int, error) {
		w.active.Add(1)
		defer w.active.Add(-1)
		w.calls.Add(1)
		if int(index) != v {
			panic(fmt.Sprintf("item %d has index %d", v, index))
		}
		if at != nil {
			if err := at(v); err != nil {
				return -1, err
			}
		}
		return v * 10, nil
	}
}

// stopped asserts that nothing runs, at the moment of the call.
func (w *watch) stopped(t *testing.T) {
	t.Helper()
	assert.Zero(t, w.active.Load(), "callbacks still run")
	assert.False(t, w.source.Load(), "the source still runs")
}

func TestParallelDeliversEveryResult(t *testing.T) {
	for _, c := range shapes() {
		for _, n := range []int{0, 1, 2, 7, 300, 5000} {
			var w watch
			var got []int
			err := stream.NewParallel[int, int](c).Run(t.Context(), w.src(n, nil), w.work(nil),
				func(i int64, v int) bool {
					assert.Equal(t, int(i)*10, v)
					got = append(got, v)
					return true
				})
			require.NoError(t, err)
			w.stopped(t)
			require.Len(t, got, n)
			if !c.Unordered {
				assert.True(t, slices.IsSorted(got), "%+v: results are out of order", c)
			}
			slices.Sort(got)
			assert.Len(t, slices.Compact(got), n, "a result came twice")
		}
	}
}

func TestParallelWorkersRunAtOnceAlsoAfterFastItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []stream.Config{{Workers: 8}, {Workers: 8, Unordered: true}, {Workers: 8, Window: 8}} {
			const fast, n = 1000, 1008
			var met sync.WaitGroup
			met.Add(8)
			err := stream.NewParallel[int, int](c).Run(t.Context(), upTo(n), func(_ context.Context, _ int64, v int) (int, error) {
				if v >= fast {
					met.Done()
					met.Wait() // a worker that claimed two of these would never come here twice
				}
				return v, nil
			}, func(int64, int) bool { return true })
			require.NoError(t, err)
		}
	})
}

func TestParallelNeverRunsMoreThanItsWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		var active, most atomic.Int64
		err := stream.NewParallel[int, int](stream.Config{Workers: workers}).Run(t.Context(), upTo(3000),
			func(_ context.Context, _ int64, v int) (int, error) {
				n := active.Add(1)
				defer active.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				runtime.Gosched()
				return v, nil
			}, func(int64, int) bool { return true })
		require.NoError(t, err)
		assert.LessOrEqual(t, most.Load(), int64(workers))
	}
}

func TestParallelShowsAReadyItemAtOnce(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			n := 0
			err := stream.NewParallel[int, int](stream.Config{Workers: 4, Unordered: unordered}).Run(t.Context(),
				func(_ context.Context, yield func(int) bool) error {
					for i := range 5 {
						yield(i)
						time.Sleep(time.Minute) // the source blocks, and the item must not wait for it
					}
					return nil
				}, plusThree, func(i int64, _ int) bool {
					assert.Equal(t, time.Duration(i)*time.Minute, time.Since(begin))
					n++
					return true
				})
			require.NoError(t, err)
			assert.Equal(t, 5, n)
		})
	}
}

func TestParallelReadsAheadOneWindowAtMost(t *testing.T) {
	tests := []struct{ workers, window, want int }{
		{1, 0, 256}, {4, 0, 256}, {200, 0, 400}, {3000, 0, 4096}, {5000, 0, 5000}, {4, 10, 10}, {4, 2, 2}, {8, 1, 1},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			read := 0
			go func() {
				synctest.Wait() // everybody is stuck
				assert.Equal(t, tt.want, read-1, "%+v", tt)
				cancel()
			}()
			err := stream.NewParallel[int, int](stream.Config{Workers: tt.workers, Window: tt.window}).Run(ctx,
				func(_ context.Context, yield func(int) bool) error {
					for {
						read++
						if !yield(read) {
							return nil
						}
					}
				}, func(ctx context.Context, i int64, v int) (int, error) {
					if i == 0 {
						<-ctx.Done()
					}
					return v, nil
				}, func(int64, int) bool { t.Error("item 0 is not done"); return false })
			assert.Equal(t, context.Canceled, err)
		})
	}
}

func TestParallelUnorderedPassesAStuckItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000 // many laps of the window
		release := make(chan struct{})
		var got []int64
		err := stream.NewParallel[int, int](stream.Config{Workers: 2, Window: 4, Unordered: true}).Run(t.Context(), upTo(n),
			func(_ context.Context, i int64, v int) (int, error) {
				if i == 0 {
					<-release
				}
				return v, nil
			}, func(i int64, v int) bool {
				assert.Equal(t, int(i), v)
				if got = append(got, i); len(got) == n-1 {
					close(release)
				}
				return true
			})
		require.NoError(t, err)
		assert.Equal(t, int64(0), got[n-1])
	})
}

func TestParallelSetWorkersTakesEffectAtOnce(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var active atomic.Int64
			p := stream.NewParallel[int, int](stream.Config{Workers: 2, Unordered: unordered})
			ctx, cancel := context.WithCancel(t.Context())
			settled := func(want int64) {
				t.Helper()
				time.Sleep(time.Minute) // several items later
				synctest.Wait()
				assert.Equal(t, want, active.Load())
			}
			go func() {
				defer cancel()
				settled(2)
				for _, n := range []int{10, 3, 1, 64, 2} {
					p.SetWorkers(n)
					assert.Equal(t, n, p.Workers())
					settled(int64(n))
				}
			}()
			n := int64(0)
			err := p.Run(ctx, func(_ context.Context, yield func(int) bool) error {
				for i := 0; yield(i); i++ {
				}
				return nil
			}, func(ctx context.Context, _ int64, v int) (int, error) {
				active.Add(1)
				defer active.Add(-1)
				select {
				case <-time.After(7 * time.Second):
				case <-ctx.Done():
				}
				return v, ctx.Err()
			}, func(int64, int) bool { n++; return true })
			assert.Equal(t, context.Canceled, err)
			assert.Positive(t, n)
		})
	}
}

func TestParallelIdleWorkersRetireAndAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stream.NewParallel[int, int](stream.Config{Workers: 8})
		err := p.Run(t.Context(), func(_ context.Context, yield func(int) bool) error {
			for round := range 6 {
				for i := range 8 {
					yield(i)
				}
				time.Sleep(time.Minute)            // all are idle
				p.SetWorkers([]int{1, 8}[round%2]) // and must neither be lost nor too many
			}
			return nil
		}, func(_ context.Context, _ int64, v int) (int, error) {
			time.Sleep(time.Second)
			return v, nil
		}, func(int64, int) bool { return true })
		require.NoError(t, err)
	})
}

func TestParallelNests(t *testing.T) {
	for _, c := range shapes() {
		inner := func(ctx context.Context, yield func(int) bool) error {
			return stream.NewParallel[int, int](c).Run(ctx, upTo(2000), plusThree, func(_ int64, v int) bool { return yield(v) })
		}
		var w watch
		sum, n := 0, 0
		err := stream.NewParallel[int, int](c).Run(t.Context(), inner, plusThree, func(_ int64, v int) bool {
			sum += v
			n++
			return n < 1500 // the break reaches the inner run, which is joined
		})
		require.NoError(t, err)
		w.stopped(t)
		if !c.Unordered {
			assert.Equal(t, 1500*1499/2+6*1500, sum)
		}
	}
}

func TestParallelQueuedCountsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := stream.NewParallel[int, int](stream.Config{Workers: 2, Window: 10})
		go func() {
			synctest.Wait()
			waiting, begun := p.Queued()
			assert.Equal(t, int64(8), waiting)
			assert.Equal(t, int64(2), begun)
			cancel()
		}()
		err := p.Run(ctx, upTo(100), func(ctx context.Context, _ int64, v int) (int, error) {
			<-ctx.Done()
			return v, nil
		}, func(int64, int) bool { return true })
		assert.Equal(t, context.Canceled, err)
	})
}

func TestParallelPanicsOnSettingsThatMeanNothing(t *testing.T) {
	assert.PanicsWithValue(t, "stream: workers must be between 0 and 1073741824, got -1",
		func() { stream.NewParallel[int, int](stream.Config{Workers: -1}) })
	assert.PanicsWithValue(t, "stream: window must be between 0 and 1073741824, got -2",
		func() { stream.NewParallel[int, int](stream.Config{Window: -2}) })
	assert.PanicsWithValue(t, "stream: workers must be between 1 and 1073741824, got 0",
		func() { stream.NewParallel[int, int](stream.Config{}).SetWorkers(0) })
	assert.Equal(t, runtime.GOMAXPROCS(0), stream.NewParallel[int, int](stream.Config{}).Workers())
}

func TestParallelAllocatesNothingPerItem(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		run := func(n int) float64 {
			return testing.AllocsPerRun(5, func() {
				err := stream.NewParallel[int, int](stream.Config{Workers: 2, Unordered: unordered}).
					Run(t.Context(), upTo(n), plusThree, func(int64, int) bool { return true })
				require.NoError(t, err)
			})
		}
		assert.Less(t, run(100_000), 100.0)
	}
}
