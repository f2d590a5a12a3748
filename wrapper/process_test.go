package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// numbers returns 0 to n-1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }

// failOn returns a function that fails for some numbers.
func failOn(bad ...int) func(context.Context, int) (int, error) {
	return func(_ context.Context, n int) (int, error) {
		if slices.Contains(bad, n) {
			return -1, fmt.Errorf("number %d: %w", n, errBoom)
		}
		return 2 * n, nil
	}
}

func TestProcessReturnsResultsByIndex(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 10_000} {
		for _, workers := range []int{1, 3} {
			got, err := wrapper.Process(t.Context(), wrapper.Compose(semaphore.New(2)), numbers(n), double, wrapper.Workers(workers))
			require.NoError(t, err)
			require.Len(t, got, n)
			for i, v := range got {
				require.Equal(t, 2*i, v)
			}
		}
	}
}

func TestProcessAggregatesEveryFailureWithItsIndex(t *testing.T) {
	got, err := wrapper.Process(t.Context(), wrapper.Compose(semaphore.New(3)), numbers(10), failOn(2, 7, 9))
	assert.Nil(t, got, "no result poses as a whole")
	var batch *wrapper.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, 10, batch.Total)
	assert.Zero(t, batch.Dropped)
	assert.Zero(t, batch.Skipped)
	var indices []int
	for _, f := range batch.Failures {
		indices = append(indices, f.Index)
		assert.EqualError(t, f.Err, fmt.Sprintf("number %d: boom", f.Index))
	}
	assert.Equal(t, []int{2, 7, 9}, indices)
	assert.ErrorIs(t, err, errBoom)
	assert.EqualError(t, err, "wrapper: 3 of 10 items failed: item 2: number 2: boom; item 7: number 7: boom; item 9: number 9: boom")
}

func TestKeepFailuresBoundsWhatABatchErrorHolds(t *testing.T) {
	w := wrapper.Compose()
	_, err := wrapper.Process(t.Context(), w, numbers(10), failOn(1, 3, 5, 7), wrapper.KeepFailures(2))
	var batch *wrapper.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, []int{1, 3}, []int{batch.Failures[0].Index, batch.Failures[1].Index})
	assert.Len(t, batch.Failures, 2)
	assert.Equal(t, 2, batch.Dropped)
	assert.Contains(t, err.Error(), "4 of 10 items failed")

	_, err = wrapper.Process(t.Context(), w, numbers(5000), failOn(numbers(5000)...))
	require.ErrorAs(t, err, &batch)
	assert.Len(t, batch.Failures, 1000, "there is a bound without the option, too")
	assert.Equal(t, 4000, batch.Dropped)
}

func TestProcessRunsNoMoreAtOnceThanWorkersSays(t *testing.T) {
	tests := []struct {
		name string
		w    *wrapper.Wrapper
		opts []wrapper.ProcessOption
		want int64
	}{
		{"Workers", wrapper.Compose(), []wrapper.ProcessOption{wrapper.Workers(7)}, 7},
		{"the semaphore's limit", wrapper.Compose(wrapper.Timeout(time.Hour), retry.New(), semaphore.New(5)), nil, 5},
		{"fewer workers than permits", wrapper.Compose(semaphore.New(50)), []wrapper.ProcessOption{wrapper.Workers(2)}, 2},
		{"more workers than permits", wrapper.Compose(semaphore.New(2)), []wrapper.ProcessOption{wrapper.Workers(50)}, 2},
		{"GOMAXPROCS", wrapper.Compose(), nil, int64(runtime.GOMAXPROCS(0))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now, most atomic.Int64
				_, err := wrapper.Process(t.Context(), tt.w, numbers(200), func(context.Context, int) (int, error) {
					n := now.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					time.Sleep(time.Millisecond)
					now.Add(-1)
					return 0, nil
				}, tt.opts...)
				assert.NoError(t, err)
				assert.LessOrEqual(t, most.Load(), tt.want)
				if tt.name != "GOMAXPROCS" { // where it may be fewer
					assert.Equal(t, tt.want, most.Load())
				}
			})
		})
	}
}

func TestStopOnErrorBeginsNothingMoreAndNamesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := 0
		w := wrapper.Compose(semaphore.New(1))
		_, err := wrapper.Process(t.Context(), w, numbers(100), func(_ context.Context, n int) (int, error) {
			began++
			if n == 4 {
				return 0, errBoom
			}
			return n, nil
		}, wrapper.StopOnError())
		var batch *wrapper.BatchError
		require.ErrorAs(t, err, &batch)
		assert.Equal(t, 5, began)
		assert.Equal(t, []wrapper.Failure{{Index: 4, Err: errBoom}}, batch.Failures)
		assert.Equal(t, 95, batch.Skipped)
		assert.EqualError(t, err, "wrapper: 1 of 100 items failed: item 4: boom; 95 did not run to the end")
	})
}

func TestStopOnErrorCancelsThoseThatRunAndCountsThemAsSkipped(t *testing.T) {
	tests := []struct {
		name string
		hear func(ctx context.Context) error
	}{
		{"the context's error", func(ctx context.Context) error { return ctx.Err() }},
		{"its cause", context.Cause},
		{"wrapped by a client", func(ctx context.Context) error { return fmt.Errorf("get: %w", ctx.Err()) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := func(ctx context.Context, n int) (int, error) {
					if n == 3 {
						time.Sleep(time.Second)
						return 0, errBoom
					}
					<-ctx.Done()
					return 0, tt.hear(ctx)
				}
				w := wrapper.Compose(semaphore.New(4))
				begin := time.Now()
				settled := wrapper.Settle(t.Context(), w, numbers(10), work, wrapper.StopOnError())
				assert.Equal(t, time.Second, time.Since(begin))
				for i, r := range settled {
					if i == 3 {
						assert.Equal(t, fanout.Result[int]{Err: errBoom, State: fanout.Failed}, r)
						continue
					}
					assert.Equal(t, fanout.Skipped, r.State, "item %d", i)
					assert.ErrorIs(t, r.Err, errBoom, "item %d: it says why", i)
					assert.ErrorIs(t, r.Err, context.Canceled, "item %d", i)
				}
				_, err := wrapper.Process(t.Context(), w, numbers(10), work, wrapper.StopOnError())
				var batch *wrapper.BatchError
				require.ErrorAs(t, err, &batch)
				assert.Equal(t, []wrapper.Failure{{Index: 3, Err: errBoom}}, batch.Failures)
				assert.Equal(t, 9, batch.Skipped)
				assert.NotErrorIs(t, err, context.Canceled, "nobody cancelled the batch")
			})
		})
	}
}

func TestStopOnErrorKeepsAFirstFailureThatIsACancellationItself(t *testing.T) {
	_, err := wrapper.Process(t.Context(), wrapper.Compose(semaphore.New(1)), numbers(3), func(context.Context, int) (int, error) {
		return 0, context.Canceled
	}, wrapper.StopOnError())
	var batch *wrapper.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, []wrapper.Failure{{Index: 0, Err: context.Canceled}}, batch.Failures)
	assert.Equal(t, 2, batch.Skipped)
}

func TestStopOnErrorKeepsFailuresOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := errors.New("another")
		_, err := wrapper.Process(t.Context(), wrapper.Compose(semaphore.New(2)), numbers(2), func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				<-ctx.Done()
				return 0, other
			}
			time.Sleep(time.Second) // until the other runs
			return 0, errBoom
		}, wrapper.StopOnError())
		var batch *wrapper.BatchError
		require.ErrorAs(t, err, &batch)
		assert.Equal(t, []wrapper.Failure{{0, other}, {1, errBoom}}, batch.Failures)
		assert.Zero(t, batch.Skipped)
	})
}

func TestProcessStopsWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := wrapper.Process(ctx, wrapper.Compose(semaphore.New(2)), numbers(50), func(ctx context.Context, n int) (int, error) {
			if n == 5 {
				cancel(cause)
			}
			return n, ctx.Err()
		}, wrapper.Workers(1))
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, cause)
		var batch *wrapper.BatchError
		require.ErrorAs(t, err, &batch)
		require.Len(t, batch.Failures, 1)
		assert.Equal(t, 5, batch.Failures[0].Index)
		assert.Equal(t, 44, batch.Skipped)
		assert.EqualError(t, err, "wrapper: 1 of 50 items failed: item 5: context canceled; 44 did not run to the end: context canceled: shutting down")

		_, err = wrapper.Process(ctx, wrapper.Compose(), numbers(3), double)
		assert.ErrorIs(t, err, cause, "a context that is done runs nothing")
		assert.EqualError(t, err, "wrapper: 0 of 3 items failed; 3 did not run to the end: context canceled: shutting down")
		_, err = wrapper.Process(ctx, wrapper.Compose(), nil, double)
		assert.NoError(t, err, "there was nothing to run")
	})
}

func TestSettleTellsWhatBecameOfEachItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		settled := wrapper.Settle(ctx, wrapper.Compose(semaphore.New(1)), numbers(4), func(_ context.Context, n int) (int, error) {
			switch n {
			case 1:
				return 0, errBoom
			case 2:
				cancel()
			}
			return 10 * n, nil
		})
		assert.Equal(t, []fanout.Result[int]{
			{Value: 0, State: fanout.Done},
			{Err: errBoom, State: fanout.Failed},
			{Value: 20, State: fanout.Done},
			{Err: context.Canceled, State: fanout.Skipped},
		}, settled)
	})
}

func TestProcessRunsEachItemInsideTheWrapper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapper(t, wrapper.Config{RetryAttempts: 2, RetryDelay: time.Second, MaxConcurrency: 10, Timeout: time.Minute})
		var attempts [5]int
		begin := time.Now()
		got, err := wrapper.Process(t.Context(), w, numbers(5), func(_ context.Context, n int) (string, error) {
			if attempts[n]++; attempts[n] < 3 {
				return "", errBoom
			}
			return fmt.Sprint(n), nil
		})
		assert.NoError(t, err)
		assert.Equal(t, []string{"0", "1", "2", "3", "4"}, got)
		assert.Equal(t, [5]int{3, 3, 3, 3, 3}, attempts)
		assert.Equal(t, 2*time.Second, time.Since(begin), "they pause at the same time")
	})
}

func TestProcessAfterCloseFailsEveryItem(t *testing.T) {
	w := wrapper.Compose()
	require.NoError(t, w.Close())
	_, err := wrapper.Process(t.Context(), w, numbers(3), double)
	assert.ErrorIs(t, err, wrapper.ErrClosed)
	assert.True(t, wrapper.Rejected(err))
}

func TestProcessTellsProgress(t *testing.T) {
	var told []int
	_, err := wrapper.Process(t.Context(), wrapper.Compose(), numbers(5), failOn(2), wrapper.Workers(1), wrapper.Progress(func(done, total int) {
		assert.Equal(t, 5, total)
		told = append(told, done)
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2, 3, 4, 5}, told)
}

func TestAPanicOrGoexitOfAnItemReachesTheCallerAfterTheOthersHaveEnded(t *testing.T) {
	for _, stop := range []bool{false, true} {
		for _, kind := range []string{"panic", "goexit"} {
			t.Run(fmt.Sprint(kind, " stop on error ", stop), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := semaphore.New(3)
					w := wrapper.Compose(retry.New(), s)
					var opts []wrapper.ProcessOption
					if stop {
						opts = append(opts, wrapper.StopOnError())
					}
					var running atomic.Int64
					end := testkit.Run(func() {
						_, _ = wrapper.Process(t.Context(), w, numbers(20), func(ctx context.Context, n int) (int, error) {
							running.Add(1)
							defer running.Add(-1)
							if n != 2 {
								<-ctx.Done()
								return 0, ctx.Err()
							}
							time.Sleep(time.Second)
							if kind == "panic" {
								panic(errBoom)
							}
							runtime.Goexit()
							return 0, nil
						}, opts...)
					})
					assert.Equal(t, kind == "goexit", end.Exited)
					if kind == "panic" {
						raised, ok := end.Value.(*fanout.PanicError)
						require.True(t, ok)
						assert.Equal(t, errBoom, raised.Value)
					}
					assert.Zero(t, running.Load(), "an item still runs")
					assert.Zero(t, s.Held())
					assert.Zero(t, w.Stats().Running)
				})
			})
		}
	}
}

func TestProcessPanicsOnBadInput(t *testing.T) {
	tests := []struct {
		name string
		f    func()
		want string
	}{
		{"Workers", func() { wrapper.Workers(0) }, "wrapper: Workers must be at least 1, got 0"},
		{"KeepFailures", func() { wrapper.KeepFailures(-1) }, "wrapper: KeepFailures must be at least 1, got -1"},
		{"Progress", func() { wrapper.Progress(nil) }, "wrapper: Progress needs a function, got nil"},
		{"Process", func() { _, _ = wrapper.Process[int, int](t.Context(), wrapper.Compose(), nil, nil) }, "wrapper: Process needs a function, got nil"},
		{"Settle", func() { wrapper.Settle[int, int](t.Context(), wrapper.Compose(), nil, nil) }, "wrapper: Settle needs a function, got nil"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.PanicsWithValue(t, tt.want, tt.f) })
	}
}

func TestCloseWaitsForABatchAsForOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrapper.Compose(wrapper.Timeout(time.Minute), semaphore.New(2))
		begin := time.Now()
		done := make(chan error)
		go func() {
			_, err := wrapper.Process(t.Context(), w, numbers(10), func(context.Context, int) (int, error) {
				assert.EqualValues(t, 1, w.Stats().Running)
				time.Sleep(time.Second)
				return 0, nil
			})
			done <- err
		}()
		synctest.Wait()
		go func() { done <- w.Close() }()
		assert.NoError(t, <-done)
		assert.NoError(t, <-done, "the batch is not cut in the middle")
		assert.Equal(t, 5*time.Second, time.Since(begin))
		assert.Equal(t, wrapper.Stats{Closed: true}, w.Stats())
	})
}
