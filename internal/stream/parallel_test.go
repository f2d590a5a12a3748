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

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
	"github.com/weirkit/weir/internal/testkit"
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

func TestParallelStopsAtEveryCutPoint(t *testing.T) {
	const n = 12
	tests := []struct {
		name string
		// run cuts at item k and returns what was delivered.
		at func(k int, cancel func()) (src func(int), work func(int) error, out func(int) bool)
		// check sees how Run ended.
		check func(t *testing.T, err error, end testkit.End)
	}{
		{"break", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, nil, func(i int) bool { return i != k }
		}, returned(nil)},
		{"cancel in the consumer", func(k int, cancel func()) (func(int), func(int) error, func(int) bool) {
			return nil, nil, func(i int) bool {
				if i == k {
					cancel()
				}
				return true
			}
		}, returned(context.Canceled)},
		{"cancel in a worker", func(k int, cancel func()) (func(int), func(int) error, func(int) bool) {
			return nil, func(i int) error {
				if i == k {
					cancel()
					return context.Canceled
				}
				return nil
			}, nil
		}, returned(context.Canceled)},
		{"error", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, func(i int) error {
				if i == k {
					return errBoom
				}
				return nil
			}, nil
		}, returned(errBoom)},
		{"panic in a worker", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, func(i int) error {
				if i == k {
					panic(errBoom)
				}
				return nil
			}, nil
		}, panicked},
		{"panic in the source", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return func(i int) {
				if i == k {
					panic(errBoom)
				}
			}, nil, nil
		}, panicked},
		{"panic in the consumer", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, nil, func(i int) bool {
				if i == k {
					panic(errBoom)
				}
				return true
			}
		}, func(t *testing.T, _ error, end testkit.End) {
			assert.Equal(t, testkit.End{Panicked: true, Value: errBoom}, end, "it passes untouched")
		}},
		{"Goexit in a worker", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, func(i int) error {
				if i == k {
					runtime.Goexit()
				}
				return nil
			}, nil
		}, exited},
		{"Goexit in the source", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return func(i int) {
				if i == k {
					runtime.Goexit()
				}
			}, nil, nil
		}, exited},
		{"Goexit in the consumer", func(k int, _ func()) (func(int), func(int) error, func(int) bool) {
			return nil, nil, func(i int) bool {
				if i == k {
					runtime.Goexit()
				}
				return true
			}
		}, exited},
	}
	for _, tt := range tests {
		for _, c := range shapes() {
			for k := range n {
				t.Run(fmt.Sprintf("%s/%+v/%d", tt.name, c, k), func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					src, work, out := tt.at(k, cancel)
					var w watch
					var delivered []int
					var err error
					end := testkit.Run(func() {
						defer w.stopped(t)
						err = stream.NewParallel[int, int](c).Run(ctx, w.src(n, src), w.work(work),
							func(_ int64, v int) bool {
								delivered = append(delivered, v/10)
								return out == nil || out(v/10)
							})
					})
					tt.check(t, err, end)
					calls := w.calls.Load()
					if !c.Unordered && tt.name != "cancel in a worker" {
						want := k
						if out != nil {
							want = k + 1
						}
						assert.Equal(t, upToSlice(want), delivered, "the outcome is that of a plain loop")
					}
					runtime.Gosched()
					assert.Equal(t, calls, w.calls.Load(), "a callback began after the end")
				})
			}
		}
	}
}

func upToSlice(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func returned(want error) func(*testing.T, error, testkit.End) {
	return func(t *testing.T, err error, end testkit.End) {
		assert.True(t, end.Returned)
		assert.Equal(t, want, err)
	}
}

func panicked(t *testing.T, _ error, end testkit.End) {
	require.True(t, end.Panicked)
	p, ok := end.Value.(*fault.PanicError)
	require.True(t, ok, "%T", end.Value)
	assert.Equal(t, errBoom, p.Value)
	assert.Contains(t, string(p.Stack), "parallel_test.go")
}

func exited(t *testing.T, _ error, end testkit.End) { assert.True(t, end.Exited) }

func TestParallelReturnsTheSourcesErrorAfterItsItems(t *testing.T) {
	for _, c := range shapes() {
		n := 0
		err := stream.NewParallel[int, int](c).Run(t.Context(), func(_ context.Context, yield func(int) bool) error {
			for i := range 9 {
				yield(i)
			}
			return errBoom
		}, plusThree, func(int64, int) bool { n++; return true })
		assert.Equal(t, errBoom, err)
		assert.Equal(t, 9, n)
	}
}

func TestParallelRunsNothingWhenTheContextIsDone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for _, c := range shapes() {
		err := stream.NewParallel[int, int](c).Run(ctx,
			func(context.Context, func(int) bool) error { t.Error("the source ran"); return nil },
			plusThree, func(int64, int) bool { t.Error("delivered"); return true })
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, errBoom, "the cause is kept")
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

func TestParallelStartsNothingBehindAnError(t *testing.T) {
	for _, c := range shapes() {
		var w watch
		err := stream.NewParallel[int, int](c).Run(t.Context(), w.src(10_000, nil),
			w.work(func(int) error { return errBoom }), func(int64, int) bool { return true })
		assert.Equal(t, errBoom, err)
		assert.LessOrEqual(t, w.calls.Load(), int64(c.Workers), "each worker may have begun one")
	}
}

func TestParallelReturnsTheErrorOfTheLowestIndex(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			later := make(chan struct{})
			err := stream.NewParallel[int, int](stream.Config{Workers: 3, Unordered: unordered}).Run(t.Context(), upTo(3),
				func(_ context.Context, i int64, v int) (int, error) {
					switch i {
					case 1:
						<-later
						return 0, errBoom
					case 2:
						close(later)
						return 0, errors.New("a later item, that failed first")
					}
					return v, nil
				}, func(int64, int) bool {
					synctest.Wait() // both have failed
					return true
				})
			assert.Equal(t, errBoom, err)
		})
	}
}

func TestParallelKeepsTheCauseThoughItsCancelMakesMoreErrors(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			err := stream.NewParallel[int, int](stream.Config{Workers: 4, Unordered: unordered}).Run(t.Context(), upTo(4),
				func(ctx context.Context, i int64, _ int) (int, error) {
					if i == 0 {
						time.Sleep(time.Second) // the others wait by now
						return 0, errBoom
					}
					<-ctx.Done()
					return 0, ctx.Err()
				}, func(int64, int) bool { return true })
			assert.Equal(t, errBoom, err)
		})
	}
}

func TestParallelLetsEarlierItemsFinishBeforeALaterError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		err := stream.NewParallel[int, int](stream.Config{Workers: 4}).Run(t.Context(), upTo(100),
			func(ctx context.Context, i int64, v int) (int, error) {
				if i == 3 {
					return 0, errBoom
				}
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
				}
				return v, ctx.Err()
			}, func(_ int64, v int) bool { got = append(got, v); return true })
		assert.Equal(t, errBoom, err)
		assert.Equal(t, []int{0, 1, 2}, got)
	})
}

func TestParallelCancelWakesEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := stream.NewParallel[int, int](stream.Config{Workers: 3}).Run(ctx,
			func(ctx context.Context, yield func(int) bool) error {
				yield(1)
				<-ctx.Done()
				assert.False(t, yield(2))
				assert.False(t, yield(3), "and again")
				return nil
			}, plusThree, func(int64, int) bool { return true })
		assert.Equal(t, context.Canceled, err)
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
