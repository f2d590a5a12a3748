package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

// TestWherePeersFail plays what other libraries were seen to get wrong, by the
// number under which it was noted. What each of them did is beside it.
func TestWherePeersFail(t *testing.T) {
	tests := []struct {
		name string
		test func(t *testing.T)
	}{
		{"P01 a consumer takes three and breaks: nobody is left", func(t *testing.T) { // rill 6 goroutines, go-streams 7, deliveryhero/pipeline 5
			var g gauge
			n := 0
			for _, err := range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) {
				defer g.enter()()
				return 0, nil
			}, fanout.Workers(4)) {
				require.NoError(t, err)
				if n++; n == 3 {
					break
				}
			}
			g.quiet(t)
		}},
		{"P01b work stops after an early break", func(t *testing.T) { // rill.ToSeq2 made 7348 of 10000 calls afterwards
			var g gauge
			for range fanout.Stream(t.Context(), slices.Values(upTo(10_000)), func(context.Context, int) (int, error) {
				defer g.enter()()
				return 0, nil
			}, fanout.Workers(4), fanout.Window(8)) {
				break
			}
			g.quiet(t)
			require.LessOrEqual(t, g.begun.Load(), int64(9))
		}},
		{"P01c the source stops after the first error", func(t *testing.T) { // rill.ForEach went on for 7315 calls
			pulled := 0
			source := func(yield func(int) bool) {
				for i := 0; yield(i); i++ {
					pulled++
				}
			}
			for range fanout.Stream(t.Context(), source, func(context.Context, int) (int, error) { return 0, errBoom }, fanout.Workers(4)) {
			}
			require.LessOrEqual(t, pulled, 256)
			seen := pulled
			runtime.Gosched()
			require.Equal(t, seen, pulled)
		}},
		{"P02 the caller recovers a panic of an item", func(t *testing.T) { // rill, go-streams, deliveryhero and errgroup end the process
			func() {
				defer func() {
					p, ok := recover().(*fanout.PanicError)
					require.True(t, ok)
					require.Equal(t, "boom", p.Value)
					require.NotEmpty(t, p.Stack)
				}()
				_ = fanout.ForEach(t.Context(), upTo(10), func(context.Context, int) error { panic("boom") }, fanout.Workers(4))
			}()
			for _, err := range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) { panic("boom") }) {
				_, ok := errors.AsType[*fanout.PanicError](err)
				require.True(t, ok)
			}
		}},
		{"P03 a Goexit in a task leaves nobody waiting", func(t *testing.T) { // pond and rill.OrderedMap hang, errgroup says nil
			g := fanout.NewGroup(t.Context(), fanout.Workers(2))
			f := g.Go(func(context.Context) error { runtime.Goexit(); return nil })
			_, err := f.Result()
			require.ErrorIs(t, err, fanout.ErrGoexit)
			require.True(t, testkit.Run(func() { _ = g.Wait() }).Exited)
			for _, err := range fanout.Stream(t.Context(), endless, func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }) {
				require.ErrorIs(t, err, fanout.ErrGoexit)
			}
		}},
		{"P04 of 10000 items that all fail at most 100 run", func(t *testing.T) { // conc and errgroup run all, with a dead context
			var g gauge
			fails := func(context.Context, int) error { defer g.enter()(); return errBoom }
			require.ErrorIs(t, fanout.ForEach(t.Context(), upTo(10_000), fails, fanout.Workers(8)), errBoom)
			require.LessOrEqual(t, g.begun.Load(), int64(100))
			group := fanout.NewGroup(t.Context(), fanout.Workers(8))
			for range 10_000 {
				group.Go(func(ctx context.Context) error { return fails(ctx, 0) })
			}
			require.ErrorIs(t, group.Wait(), errBoom)
			require.LessOrEqual(t, g.begun.Load(), int64(200))
		}},
		{"P05 a submission that waits obeys its context", func(t *testing.T) { // conc, errgroup and ants wait on
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				g := fanout.NewGroup(ctx, fanout.Workers(1))
				start := time.Now()
				for range 5 {
					g.Go(func(context.Context) error { time.Sleep(time.Minute); return nil })
				}
				require.Equal(t, time.Second, time.Since(start))
				require.Equal(t, context.DeadlineExceeded, g.Wait())
			})
		}},
		{"P06 an accepted task has one true outcome", func(t *testing.T) { // pond: 6 ran to the end, 5 were reported
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				g := fanout.NewGroup(ctx, fanout.Workers(3))
				var ended atomic.Int64
				var futures []*fanout.Future[int]
				for i := range 20 {
					futures = append(futures, fanout.Go(g, func(context.Context) (int, error) {
						time.Sleep(time.Second) // it does not look at its context
						ended.Add(1)
						if i == 4 {
							cancel()
						}
						return i, nil
					}))
				}
				require.Equal(t, context.Canceled, g.Wait())
				done := 0
				for i, f := range futures {
					v, err := f.Result()
					if err == nil {
						require.Equal(t, i, v)
						done++
					} else {
						require.ErrorIs(t, err, fanout.ErrSkipped)
					}
				}
				require.EqualValues(t, ended.Load(), done)
			})
		}},
		{"P06b results keep their index after a failure", func(t *testing.T) { // conc: 49 of 100, shifted
			for i, r := range fanout.Settle(t.Context(), upTo(100), func(_ context.Context, i int) (int, error) {
				if i%2 == 0 {
					return 0, errBoom
				}
				return i, nil
			}, fanout.Workers(8)) {
				if i%2 == 1 {
					require.Equal(t, i, r.Value)
				}
			}
		}},
		{"P06c no zero poses as a result", func(t *testing.T) { // pond: zeros beside results
			out, err := fanout.Map(t.Context(), upTo(100), func(_ context.Context, i int) (int, error) {
				if i == 50 {
					return 0, errBoom
				}
				return i, nil
			}, fanout.Workers(8))
			require.Error(t, err)
			require.Nil(t, out)
		}},
		{"P07 a parallel map keeps its order", func(t *testing.T) { // go-streams: 352 inversions of 2000
			next := 0
			for v, err := range fanout.Stream(t.Context(), slices.Values(upTo(2000)), func(_ context.Context, i int) (int, error) {
				if i%7 == 0 {
					runtime.Gosched()
				}
				return i, nil
			}, fanout.Workers(8)) {
				require.NoError(t, err)
				require.Equal(t, next, v)
				next++
			}
			require.Equal(t, 2000, next)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.test)
	}
}
