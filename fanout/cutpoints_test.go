package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	"github.com/weirkit/weir/internal/testkit"
)

// endings are what can end a run at an item. They are told how to cancel the caller's
// context.
var endings = map[string]func(cancel func()) error{
	"error":  func(func()) error { return errBoom },
	"panic":  func(func()) error { panic(errBoom) },
	"Goexit": func(func()) error { runtime.Goexit(); return nil },
	"cancel": func(cancel func()) error { cancel(); return context.Canceled },
}

// Every reason at every index, while the crew grows and shrinks: what is asserted is
// asserted when the loop has ended, and never eventually.
func TestEveryEndingAtEveryIndexWhileTheCrewChanges(t *testing.T) {
	crew := fanout.NewCrew(1)
	stop := make(chan struct{})
	var resizer sync.WaitGroup
	resizer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				crew.SetWorkers(1 + n%7)
				runtime.Gosched()
			}
		}
	})
	defer resizer.Wait()
	defer close(stop)
	for name, ending := range endings {
		for _, opts := range [][]fanout.Option{{crew}, {crew, fanout.Window(3)}, {crew, fanout.Unordered()}, {crew, fanout.Unordered(), fanout.Window(1)}} {
			for k := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				var g gauge
				var last error
				for v, err := range fanout.StreamByKey(ctx, endless, func(i int) int { return i % 3 }, func(_ context.Context, i int) (int, error) {
					defer g.enter()()
					if i == k {
						return 0, ending(cancel)
					}
					return i, nil
				}, opts...) {
					require.NoError(t, last, "something behind the last error")
					if last = err; err == nil {
						require.NotEqual(t, k, v)
					}
				}
				g.quiet(t)
				cancel()
				switch name {
				case "Goexit":
					require.ErrorIs(t, last, fanout.ErrGoexit)
				case "cancel":
					require.Equal(t, context.Canceled, last)
				default:
					require.ErrorIs(t, last, errBoom)
					require.NotErrorIs(t, last, context.Canceled)
				}
			}
		}
	}
}

func TestEveryEndingOfATaskWhileTheGroupIsResized(t *testing.T) {
	for name, ending := range endings {
		for k := range 30 {
			ctx, cancel := context.WithCancel(t.Context())
			g := fanout.NewGroup(ctx, fanout.Workers(2))
			var seen gauge
			var futures []*fanout.Future[int]
			for i := range 30 {
				g.SetWorkers(1 + i%5)
				futures = append(futures, fanout.Go(g, func(context.Context) (int, error) {
					defer seen.enter()()
					if i == k {
						return 0, ending(cancel)
					}
					return i, nil
				}))
			}
			var err error
			end := testkit.Run(func() { err = g.Wait() })
			seen.quiet(t)
			cancel()
			switch name {
			case "panic":
				require.True(t, end.Panicked)
			case "Goexit":
				require.True(t, end.Exited)
			case "cancel":
				require.ErrorIs(t, err, context.Canceled)
			default:
				require.ErrorIs(t, err, errBoom)
				require.NotErrorIs(t, err, context.Canceled)
			}
			for i, f := range futures { // also after Wait
				v, err := f.Result()
				<-f.Done()
				if err == nil {
					require.Equal(t, i, v)
				} else {
					require.Zero(t, v)
				}
			}
		}
	}
}

// A context that can never end takes a path of its own through the items.
func TestEveryEndingAtEveryIndexUnderAContextThatNeverEnds(t *testing.T) {
	for name, ending := range endings {
		if name == "cancel" {
			continue
		}
		everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
			for _, n := range []int{size, 200} {
				for k := range size {
					var g gauge
					var seen context.Context
					var err error
					end := testkit.Run(func() {
						err = call(context.Background(), upTo(n), func(ctx context.Context, i int) error {
							defer g.enter()()
							if i == k {
								seen = ctx
								return ending(nil)
							}
							return nil
						})
					})
					g.quiet(t)
					require.ErrorIs(t, seen.Err(), context.Canceled)
					require.Equal(t, name == "panic", end.Panicked)
					require.Equal(t, name == "Goexit", end.Exited)
					if name == "error" {
						require.EqualError(t, err, fmt.Sprintf("fanout: item %d: boom", k))
					}
				}
			}
		})
	}
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		ran := make([]atomic.Int64, 3000)
		require.NoError(t, call(context.Background(), upTo(len(ran)), func(_ context.Context, i int) error { ran[i].Add(1); return nil }))
		for i := range ran {
			require.EqualValues(t, 1, ran[i].Load())
		}
	})
}

// The end of a nested call is the end of an item of the outer one, whatever it was.
func TestEveryEndingOfANestedCallIsOneOfItsItem(t *testing.T) {
	for name, ending := range endings {
		everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
			for k := range size {
				ctx, cancel := context.WithCancel(t.Context())
				var g gauge
				var err error
				end := testkit.Run(func() {
					err = call(ctx, upTo(size), func(ctx context.Context, i int) error {
						return call(ctx, upTo(size), func(context.Context, int) error {
							defer g.enter()()
							if i == k {
								return ending(cancel)
							}
							return nil
						})
					})
				})
				g.quiet(t)
				cancel()
				switch name {
				case "panic":
					require.True(t, end.Panicked)
					require.Equal(t, errBoom, end.Value.(*fanout.PanicError).Value, "the first panic, not one around it")
				case "Goexit":
					require.True(t, end.Exited)
				case "cancel":
					require.Equal(t, context.Canceled, err)
				default:
					require.ErrorIs(t, err, errBoom)
					item, ok := errors.AsType[*fanout.ItemError](err)
					require.True(t, ok)
					require.Equal(t, k, item.Index)
				}
			}
		})
	}
}

func TestASourceThatBlocksHoldsBackNothingThatIsReady(t *testing.T) {
	for _, w := range flows {
		if w.name == "window of one" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			source := func(yield func(int) bool) {
				for i := range 5 {
					if !yield(i) {
						return
					}
				}
				time.Sleep(time.Hour)
				yield(5)
			}
			start := time.Now()
			n := 0
			for _, err := range fanout.Stream(t.Context(), source, itself, w.opts...) {
				require.NoError(t, err)
				if n++; n <= 5 {
					require.Zero(t, time.Since(start), "%s: item %d waited for the source", w.name, n)
				}
			}
			require.Equal(t, 6, n)
		})
	}
}

func TestAStuckFirstItemLetsAWindowBeReadAndNoMore(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var read atomic.Int64
			source := iter.Seq[int](func(yield func(int) bool) {
				for i := range 1000 {
					read.Add(1)
					if !yield(i) {
						return
					}
				}
			})
			stuck := func(_ context.Context, i int) (int, error) {
				if i == 0 {
					time.Sleep(time.Hour)
					assert.EqualValues(t, 33, read.Load(), "32 in the window, and the one that found it full")
				}
				return i, nil
			}
			opts := []fanout.Option{fanout.Workers(4), fanout.Window(32)}
			results := fanout.Stream(t.Context(), source, stuck, opts...)
			if keyed {
				results = fanout.StreamByKey(t.Context(), source, func(i int) int { return i }, stuck, opts...)
			}
			next := 0
			for v, err := range results {
				require.NoError(t, err)
				require.Equal(t, next, v)
				next++
			}
			require.Equal(t, 1000, next)
		})
	}
}

func TestASlowConsumerIsAheadOfByAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		taken := int64(0)
		for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(300)), func(context.Context, int) (int, error) {
			begun.Add(1)
			return 0, nil
		}, fanout.Workers(4), fanout.Window(16)) {
			require.NoError(t, err)
			taken++
			time.Sleep(time.Second)
			require.LessOrEqual(t, begun.Load(), taken+16)
		}
	})
}

func TestLosersThatDoNotLookAtTheirContextAreWaitedFor(t *testing.T) {
	for name, call := range map[string]func(context.Context, ...func(context.Context) (int, error)) (int, error){
		"First": fanout.First[int], "Race": fanout.Race[int],
	} {
		synctest.Test(t, func(t *testing.T) {
			var g gauge
			deaf := func(context.Context) (int, error) {
				defer g.enter()()
				time.Sleep(time.Minute)
				return 1, errBoom
			}
			start := time.Now()
			v, err := call(t.Context(), deaf, func(context.Context) (int, error) { return 7, nil }, deaf)
			require.NoError(t, err, name)
			require.Equal(t, 7, v)
			g.quiet(t)
			require.Contains(t, []time.Duration{0, time.Minute}, time.Since(start), "those that had begun")
		})
	}
}

func TestALayerMayRunAnItemTwiceAtOnceOrNever(t *testing.T) {
	hedge := layer{func(ctx context.Context, fn func(context.Context) error) error {
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- fn(ctx) }()
		}
		return errors.Join(<-errs, <-errs)
	}}
	never := layer{func(context.Context, func(context.Context) error) error { return nil }}
	for _, w := range ways {
		var calls atomic.Int64
		f := func(_ context.Context, i int) (int, error) { calls.Add(1); return i, nil }
		out, err := fanout.Map(t.Context(), upTo(50), f, append(slices.Clone(w.opts), fanout.Guard(hedge))...)
		require.NoError(t, err)
		require.Equal(t, upTo(50), out)
		require.EqualValues(t, 100, calls.Load())
		_, err = fanout.Map(t.Context(), upTo(50), f, append(slices.Clone(w.opts), fanout.Guard(never))...)
		require.ErrorIs(t, err, fanout.ErrNotRun)
		for _, r := range fanout.Settle(t.Context(), upTo(50), f, append(slices.Clone(w.opts), fanout.Guard(never))...) {
			require.Equal(t, fanout.Result[int]{Err: fanout.ErrNotRun, State: fanout.Failed}, r)
		}
	}
	for _, w := range flows {
		n := 0
		for _, err := range fanout.Stream(t.Context(), slices.Values(upTo(50)), itself, append(slices.Clone(w.opts), fanout.Guard(hedge))...) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 50, n)
		for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(50)), itself, append(slices.Clone(w.opts), fanout.Guard(never))...) {
			require.ErrorIs(t, err, fanout.ErrNotRun, fmt.Sprint(v))
		}
	}
}
