package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

// Several things that go wrong at once, and one inside the other.

func TestAFaultOfAMapInAGroupInAStreamIsTheErrorOfItsItem(t *testing.T) {
	for name, fault := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit} {
		everyFlow(t, func(t *testing.T, opts []fanout.Option) {
			for _, inner := range ways {
				var g gauge
				var last error
				for _, err := range fanout.Stream(t.Context(), endless, func(ctx context.Context, i int) (int, error) {
					defer g.enter()()
					group := fanout.NewGroup(ctx, fanout.Workers(2))
					for task := range 3 {
						group.Go(func(ctx context.Context) error {
							_, err := fanout.Map(ctx, upTo(size), func(_ context.Context, k int) (int, error) {
								defer g.enter()()
								if i == 5 && task == 1 && k == 4 {
									fault()
								}
								return k, nil
							}, inner.opts...)
							return err
						})
					}
					return i, group.Wait() // it does not return after a fault
				}, opts...) {
					require.NoError(t, last, "something behind the error")
					last = err
				}
				g.quiet(t)
				item, ok := errors.AsType[*fanout.ItemError](last)
				require.True(t, ok, "%v", last)
				require.Equal(t, 5, item.Index)
				if name == "Goexit" {
					require.Equal(t, fanout.ErrGoexit, item.Err)
					continue
				}
				p, ok := item.Err.(*fanout.PanicError) //nolint:errorlint // the first itself, and none around it
				require.True(t, ok, "%v", item.Err)
				require.Equal(t, errBoom, p.Value)
			}
		})
	}
}

func TestAKeptContextOfACallThatItsCallerEndedStaysAsItWas(t *testing.T) {
	for _, w := range ways {
		for _, asked := range []bool{false, true} {
			ctx, cancel := context.WithCancelCause(t.Context())
			var kept context.Context
			require.NoError(t, fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error {
				kept = ctx
				if asked {
					_ = ctx.Done()
				}
				cancel(errBoom)
				return nil
			}, w.opts...))
			for range 2 {
				require.Equal(t, context.Canceled, kept.Err())
				require.Equal(t, errBoom, context.Cause(kept))
				<-kept.Done()
				child, stop := context.WithCancel(kept)
				require.Equal(t, context.Canceled, child.Err())
				require.Equal(t, errBoom, context.Cause(child))
				stop()
			}
		}
	}
}

func TestAKeptContextOfACallThatADeadlineEndedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range ways {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			var kept context.Context
			err := fanout.ForEach(ctx, upTo(3), func(ctx context.Context, i int) error {
				if i == 0 {
					kept = ctx
				}
				time.Sleep(2 * time.Second)
				return nil
			}, w.opts...)
			if w.name == "more workers than items" {
				require.NoError(t, err, "all had begun, and ended well")
			} else {
				require.Equal(t, context.DeadlineExceeded, err, w.name)
			}
			require.Equal(t, context.DeadlineExceeded, kept.Err(), w.name)
			require.Equal(t, context.DeadlineExceeded, context.Cause(kept), w.name)
			cancel()
			require.Equal(t, context.DeadlineExceeded, kept.Err(), w.name)
		}
	})
}

func TestAGroupIsResizedInTheMiddleOfAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := fanout.NewGroup(t.Context(), fanout.Workers(4))
		var running gauge
		futures := []*fanout.Future[int]{fanout.Go(g, func(context.Context) (int, error) {
			defer running.enter()()
			defer g.SetWorkers(9) // while the panic passes
			time.Sleep(time.Second)
			g.SetWorkers(1)
			panic(errBoom)
		})}
		for i := range 7 {
			futures = append(futures, fanout.Go(g, func(ctx context.Context) (int, error) {
				defer running.enter()()
				<-ctx.Done()
				g.SetWorkers(1)
				time.Sleep(time.Second)
				g.SetWorkers(5)
				return i, nil
			}))
		}
		end := testkit.Run(func() { _ = g.Wait() })
		running.quiet(t)
		require.True(t, end.Panicked)
		require.ErrorIs(t, end.Value.(*fanout.PanicError), errBoom)
		require.Equal(t, 5, g.Workers())
		_, err := futures[0].Result()
		require.ErrorIs(t, err, errBoom)
		for i, f := range futures[1:] {
			v, err := f.Result()
			if err == nil {
				require.Equal(t, i, v, "it ran to its end")
				continue
			}
			require.ErrorIs(t, err, fanout.ErrSkipped)
			require.ErrorIs(t, err, errBoom)
		}
	})
}

func TestTimeoutsOfGuardedItemsAreCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twice := layer{func(ctx context.Context, fn func(context.Context) error) error {
			if err := fn(ctx); err == nil || ctx.Err() != nil {
				return err
			}
			return fn(ctx)
		}}
		for _, w := range ways {
			for _, c := range calls {
				var runs atomic.Int64
				err := c.call(t.Context(), upTo(8), func(ctx context.Context, i int) error {
					runs.Add(1)
					switch i % 4 {
					case 1: // too slow at once
						<-ctx.Done()
						return ctx.Err()
					case 2: // in its second run: the time is that of both
						time.Sleep(600 * time.Millisecond)
						return errBoom
					case 3:
						return errBoom
					}
					return nil
				}, append(slices.Clone(w.opts), fanout.CollectErrors(), fanout.Timeout(time.Second), fanout.Guard(twice))...)
				require.EqualValues(t, 2+2+4+4, runs.Load())
				batch, ok := errors.AsType[*fanout.BatchError](err)
				require.True(t, ok)
				require.Len(t, batch.Failures, 6)
				for _, f := range batch.Failures {
					require.Equal(t, f.Index%4 != 3, errors.Is(f, fanout.ErrTimeout), "%v", f)
					require.Equal(t, f.Index%4 != 1, errors.Is(f, errBoom), "%v", f)
				}
			}
		}
	})
}

func TestAFaultOfALoserIsRaisedThoughAnotherHadWon(t *testing.T) {
	for name, fault := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit} {
		for callName, call := range map[string]func(context.Context, ...func(context.Context) (int, error)) (int, error){
			"First": fanout.First[int], "Race": fanout.Race[int],
		} {
			for k := range 3 {
				synctest.Test(t, func(t *testing.T) {
					var g gauge
					fns := make([]func(context.Context) (int, error), 3)
					for i := range fns {
						fns[i] = func(ctx context.Context) (int, error) {
							defer g.enter()()
							if i == k {
								time.Sleep(time.Second)
								return 7, nil
							}
							<-ctx.Done()
							if i == (k+1)%3 {
								time.Sleep(time.Second)
								fault()
							}
							return 0, ctx.Err()
						}
					}
					end := testkit.Run(func() { _, _ = call(t.Context(), fns...) })
					g.quiet(t)
					require.Equal(t, name == "panic", end.Panicked, callName)
					require.Equal(t, name == "Goexit", end.Exited, callName)
				})
			}
		}
	}
}

func TestReduceKeepsTheOrderWhateverTheSizeAndTheOptions(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 35)) //nolint:gosec // a seed
	join := func(_ context.Context, a, b string) (string, error) { return a + b, nil }
	for range 300 {
		n := 1 + r.IntN(400)
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprint(i, ",")
		}
		var opts []fanout.Option
		if r.IntN(3) > 0 {
			opts = append(opts, fanout.Workers(1+r.IntN(40)))
		}
		if r.IntN(3) == 0 {
			opts = append(opts, fanout.Threshold(r.IntN(500)))
		}
		want := strings.Join(items, "")
		got, err := fanout.Reduce(t.Context(), items, join, opts...)
		require.NoError(t, err)
		require.Equal(t, want, got)

		at := r.IntN(n) // as b it comes first, or inside; the first item never does
		_, err = fanout.Reduce(t.Context(), items, func(ctx context.Context, a, b string) (string, error) {
			if strings.HasPrefix(b, items[at]) {
				return "", errBoom
			}
			return join(ctx, a, b)
		}, opts...)
		if err == nil {
			continue
		}
		item, ok := errors.AsType[*fanout.ItemError](err)
		require.True(t, ok)
		require.Equal(t, at, item.Index, "that of the first item in b")
	}
}

func TestAKeyGoesOnBehindItsItemThatPanicked(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		lists := [3][]int{} // no lock
		failed := 0
		for _, err := range fanout.StreamByKey(t.Context(), slices.Values(upTo(300)), func(i int) int { return i % 3 },
			func(_ context.Context, i int) (int, error) {
				lists[i%3] = append(lists[i%3], i)
				if i%10 == 4 {
					panic(errBoom)
				}
				return i, nil
			}, append(slices.Clone(opts), fanout.PanicsAsErrors(), fanout.CollectErrors())...) {
			if err != nil {
				require.ErrorIs(t, err, errBoom)
				failed++
			}
		}
		require.Equal(t, 30, failed)
		for key, list := range lists {
			require.Len(t, list, 100)
			for i, v := range list {
				require.Equal(t, 3*i+key, v)
			}
		}
	})
}

// All tasks that run wait in Go for room that only they could make. The end of the
// context is the way out, and nothing that was waiting runs.
func TestTasksThatBlockEachOtherInGoEndWithTheContext(t *testing.T) {
	for _, workers := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			g := fanout.NewGroup(ctx, fanout.Workers(workers))
			var refused atomic.Int64
			for range workers {
				g.Go(func(context.Context) error {
					for range 4 {
						f := g.Go(func(context.Context) error { return nil })
						select {
						case <-f.Done():
							_, err := f.Result()
							assert.ErrorIs(t, err, fanout.ErrSkipped)
							refused.Add(1)
						default:
						}
					}
					return nil
				})
			}
			start := time.Now()
			require.Equal(t, context.DeadlineExceeded, g.Wait())
			require.Equal(t, time.Minute, time.Since(start))
			require.Positive(t, refused.Load())
		})
	}
}
