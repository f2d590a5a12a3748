package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

// Calls without Workers begin alone, and others help as soon as the items turn out to
// be slow. Every reason to end comes here at every index before and behind that
// moment, wherever it lies.
func TestEveryEndingBeforeAndAfterOthersBeginToHelp(t *testing.T) {
	const n = 40
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	for name, ending := range endings {
		for _, slowFrom := range []int{0, 1, 9, 30} {
			for _, c := range calls {
				for k := range n {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						var g gauge
						var err error
						var most atomic.Int64
						end := testkit.Run(func() {
							err = c.call(ctx, upTo(n), func(_ context.Context, i int) error {
								defer g.enter()()
								if now := g.running.Load(); now > most.Load() {
									most.Store(now)
								}
								if i >= slowFrom {
									time.Sleep(10 * time.Microsecond)
								}
								if i == k {
									return ending(cancel)
								}
								return nil
							})
						})
						g.quiet(t)
						if k > 35 && slowFrom < 9 {
							require.Greater(t, most.Load(), int64(1), "others help")
						}
						require.Equal(t, name == "panic", end.Panicked)
						require.Equal(t, name == "Goexit", end.Exited)
						switch name {
						case "cancel":
							require.Equal(t, context.Canceled, err)
						case "error":
							item, ok := errors.AsType[*fanout.ItemError](err)
							require.True(t, ok)
							require.Equal(t, k, item.Index)
							require.Equal(t, errBoom, item.Err)
						}
					})
				}
			}
		}
	}
}

// Failures from before and behind that moment are one list.
func TestFailuresAreCollectedBeforeAndAfterOthersBeginToHelp(t *testing.T) {
	const n = 60
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	for _, slowFrom := range []int{0, 1, 9, 30, n} {
		for _, c := range calls {
			synctest.Test(t, func(t *testing.T) {
				err := c.call(t.Context(), upTo(n), func(_ context.Context, i int) error {
					if i >= slowFrom {
						time.Sleep(10 * time.Microsecond)
					}
					if i%3 == 0 {
						return errBoom
					}
					return nil
				}, fanout.KeepFailures(15))
				batch, ok := errors.AsType[*fanout.BatchError](err)
				require.True(t, ok)
				require.Len(t, batch.Failures, 15)
				require.Equal(t, 5, batch.Dropped)
				for k, f := range batch.Failures {
					require.Equal(t, 3*k, f.Index)
				}
			})
		}
	}
}

// panicky is an error that cannot be asked what it is.
type panicky struct{}

func (panicky) Error() string { return "panicky" }
func (panicky) Is(error) bool { panic(errBoom) }

func TestAnErrorThatPanicsWhenAskedIsAPanicOfItsItem(t *testing.T) {
	everywhere(t, func(t *testing.T, call func(context.Context, []int, func(context.Context, int) error) error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var g gauge
		var seen context.Context
		end := testkit.Run(func() {
			_ = call(ctx, upTo(1), func(ctx context.Context, _ int) error {
				defer g.enter()()
				seen = ctx
				cancel()
				return panicky{}
			})
		})
		g.quiet(t)
		require.True(t, end.Panicked)
		require.Equal(t, errBoom, end.Value.(*fanout.PanicError).Value)
		require.ErrorIs(t, seen.Err(), context.Canceled)
	})
}
