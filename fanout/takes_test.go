package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

// optioned are all functions that take options, on four items.
var optioned = map[string]func(ctx context.Context, opts ...fanout.Option){
	"Map":     func(ctx context.Context, opts ...fanout.Option) { _, _ = fanout.Map(ctx, upTo(4), itself, opts...) },
	"ForEach": func(ctx context.Context, opts ...fanout.Option) { _ = fanout.ForEach(ctx, upTo(4), nothing, opts...) },
	"Update": func(ctx context.Context, opts ...fanout.Option) {
		_ = fanout.Update(ctx, upTo(4), nothing[*int], opts...)
	},
	"Settle": func(ctx context.Context, opts ...fanout.Option) { fanout.Settle(ctx, upTo(4), itself, opts...) },
	"Filter": func(ctx context.Context, opts ...fanout.Option) {
		_, _ = fanout.Filter(ctx, upTo(4), func(context.Context, int) (bool, error) { return true, nil }, opts...)
	},
	"FilterMap": func(ctx context.Context, opts ...fanout.Option) {
		_, _ = fanout.FilterMap(ctx, upTo(4), func(context.Context, int) (int, bool, error) { return 1, true, nil }, opts...)
	},
	"MapValues": func(ctx context.Context, opts ...fanout.Option) {
		_, _ = fanout.MapValues(ctx, map[int]int{1: 1, 2: 2, 3: 3, 4: 4}, func(context.Context, int, int) (int, error) { return 1, nil }, opts...)
	},
	"Reduce": func(ctx context.Context, opts ...fanout.Option) {
		_, _ = fanout.Reduce(ctx, upTo(5), func(_ context.Context, a, b int) (int, error) { return a + b, nil }, opts...)
	},
	"Stream": func(ctx context.Context, opts ...fanout.Option) {
		for range fanout.Stream(ctx, slices.Values(upTo(4)), itself, opts...) {
		}
	},
	"StreamByKey": func(ctx context.Context, opts ...fanout.Option) {
		for range fanout.StreamByKey(ctx, slices.Values(upTo(4)), func(i int) int { return i }, itself, opts...) {
		}
	},
	"StreamChan": func(ctx context.Context, opts ...fanout.Option) {
		for range fanout.StreamChan(ctx, sent(4), itself, opts...) {
		}
	},
	"Chan": func(ctx context.Context, opts ...fanout.Option) {
		_ = fanout.Chan(ctx, sent(4), make(chan int, 4), itself, opts...)
	},
	"NewGroup": func(ctx context.Context, opts ...fanout.Option) {
		g := fanout.NewGroup(ctx, opts...)
		for range 4 {
			fanout.Go(g, func(context.Context) (int, error) { return 1, nil })
		}
		_ = g.Wait()
	},
}

func itself(_ context.Context, i int) (int, error) { return i, nil }
func nothing[T any](context.Context, T) error      { return nil }

func sent(n int) <-chan int {
	c := make(chan int, n)
	for i := range n {
		c <- i
	}
	close(c)
	return c
}

func TestEveryFunctionHonoursAnOptionOrRefusesIt(t *testing.T) {
	const (
		streams = " Stream StreamByKey StreamChan Chan "
		collect = " Map ForEach Update Filter FilterMap MapValues Chan NewGroup "
	)
	for name, tt := range map[string]struct {
		option  fanout.Option
		honours string // space about each; empty: all
		refused string
	}{
		"Workers":        {fanout.Workers(2), "", ""},
		"Timeout":        {fanout.Timeout(time.Hour), "", ""},
		"Guard":          {fanout.Guard(through), "", ""},
		"Progress":       {fanout.Progress(func(int, int) {}), "", ""},
		"PanicsAsErrors": {fanout.PanicsAsErrors(), "", ""},
		"Crew":           {fanout.NewCrew(2), streams, "a Crew, which is for Stream, StreamByKey, StreamChan and Chan; use Workers"},
		"Window":         {fanout.Window(2), streams, "Window, which is for Stream, StreamByKey, StreamChan and Chan"},
		"Unordered":      {fanout.Unordered(), streams, "Unordered, which is for Stream, StreamByKey, StreamChan and Chan"},
		"Threshold": {fanout.Threshold(2), " Map ForEach Update Settle Filter FilterMap MapValues Reduce ",
			"Threshold, which is for the functions on slices and maps"},
		"CollectErrors": {fanout.CollectErrors(), collect + streams, "CollectErrors, which is for functions that stop at the first error and could go on"},
		"KeepFailures":  {fanout.KeepFailures(2), collect, "KeepFailures, which is for functions that return one error for all items"},
	} {
		for of, call := range optioned {
			try := func() { call(t.Context(), tt.option) }
			if tt.honours == "" || strings.Contains(tt.honours, " "+of+" ") {
				assert.NotPanics(t, try, "%s of %s", name, of)
			} else {
				assert.PanicsWithValue(t, fmt.Sprintf("fanout: %s cannot honour %s", of, tt.refused), try)
			}
		}
	}
}

var through = layer{func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) }}

// What every function takes, each must heed: an option that is dropped looks as if it
// were in force.
func TestEveryFunctionHeedsWhatItTakes(t *testing.T) {
	for name, call := range optioned {
		told := 0
		call(t.Context(), fanout.Progress(func(done, total int) {
			told = done
			assert.Contains(t, []int{4, -1}, total, name)
		}))
		assert.Equal(t, 4, told, "Progress of %s", name)

		guarded := 0
		call(t.Context(), fanout.Workers(1), fanout.Guard(layer{func(ctx context.Context, fn func(context.Context) error) error {
			guarded++
			_, limited := ctx.Deadline()
			assert.True(t, limited, "Timeout of %s", name)
			return fn(ctx)
		}}), fanout.Timeout(time.Hour))
		assert.Equal(t, 4, guarded, "Guard of %s", name)

		assert.NotPanics(t, func() {
			call(t.Context(), fanout.PanicsAsErrors(), fanout.Guard(layer{func(context.Context, func(context.Context) error) error { panic(errBoom) }}))
		}, "PanicsAsErrors of %s", name)
	}
}

func TestAnOptionThatIsNilPanicsOnTheCaller(t *testing.T) {
	for name, call := range optioned {
		assert.PanicsWithValue(t, "fanout: "+name+" needs options, got one that is nil", func() { call(t.Context(), nil) })
		assert.PanicsWithValue(t, "fanout: a Crew must be made by NewCrew", func() { call(t.Context(), (*fanout.Crew)(nil)) })
		assert.PanicsWithValue(t, "fanout: a Crew must be made by NewCrew", func() { call(t.Context(), &fanout.Crew{}) })
	}
}

func TestAStreamRefusesAnOptionBeforeTheLoop(t *testing.T) {
	assert.Panics(t, func() { fanout.Stream(t.Context(), slices.Values(upTo(4)), itself, fanout.Threshold(1)) })
}

func TestATimeoutOfAnItemIsNotTakenForTheCallersDeadline(t *testing.T) {
	for _, w := range ways {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := fanout.ForEach(ctx, upTo(3), func(ctx context.Context, i int) error {
				if i > 0 {
					return nil
				}
				<-ctx.Done()
				time.Sleep(5 * time.Second) // says so when the deadline of the call has passed too
				return ctx.Err()
			}, append(slices.Clone(w.opts), fanout.Timeout(time.Second))...)
			item, ok := errors.AsType[*fanout.ItemError](err)
			require.True(t, ok, "%s: %v", w.name, err)
			require.Zero(t, item.Index)
			require.ErrorIs(t, err, fanout.ErrTimeout)
		})
	}
}

func TestATimeoutOfAnOuterCallIsTheCallersInTheInner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner error
		err := fanout.ForEach(t.Context(), upTo(1), func(ctx context.Context, _ int) error {
			inner = fanout.ForEach(ctx, upTo(1), func(ctx context.Context, _ int) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}, fanout.Timeout(time.Hour))
			return inner
		}, fanout.Timeout(time.Second))
		require.ErrorIs(t, err, fanout.ErrTimeout)
		_, item := errors.AsType[*fanout.ItemError](inner)
		require.False(t, item, "%v: no item of the inner call failed by itself", inner)
	})
}
