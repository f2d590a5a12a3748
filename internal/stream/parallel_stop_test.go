package stream_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
	"github.com/weirkit/weir/internal/testkit"
)

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
