package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

func TestAStreamByKeyKeepsTheOrderOfEachKey(t *testing.T) {
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		type event struct{ account, amount int }
		events := func(yield func(event) bool) {
			for i := range 1000 {
				if !yield(event{i % 7, i}) {
					return
				}
			}
		}
		lists := [7][]int{} // no lock
		n := 0
		for _, err := range fanout.StreamByKey(t.Context(), events, func(e event) int { return e.account },
			func(_ context.Context, e event) (int, error) {
				lists[e.account] = append(lists[e.account], e.amount)
				return e.amount, nil
			}, opts...) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 1000, n)
		for account, list := range lists {
			for i, amount := range list {
				require.Equal(t, 7*i+account, amount)
			}
		}
	})
}

func TestAStreamByKeyStopsForEveryReason(t *testing.T) {
	key := func(i int) int { return i % 3 }
	everyFlow(t, func(t *testing.T, opts []fanout.Option) {
		for k := range size {
			for _, fault := range []func() error{
				func() error { return errBoom },
				func() error { panic(errBoom) },
				func() error { runtime.Goexit(); return nil },
			} {
				var g gauge
				var last error
				for _, err := range fanout.StreamByKey(t.Context(), endless, key, func(_ context.Context, i int) (int, error) {
					defer g.enter()()
					if i == k {
						return 0, fault()
					}
					return i, nil
				}, opts...) {
					last = err
				}
				g.quiet(t)
				item, ok := errors.AsType[*fanout.ItemError](last)
				require.True(t, ok)
				require.Equal(t, k, item.Index)
			}
			var g gauge
			n := 0
			for range fanout.StreamByKey(t.Context(), endless, key, func(_ context.Context, i int) (int, error) {
				defer g.enter()()
				return i, nil
			}, opts...) {
				if n++; n > k {
					break
				}
			}
			g.quiet(t)
		}
	})
}
