package pipeline_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/pipeline"
)

func TestPipesJoinFromLeftToRight(t *testing.T) {
	itoa := pipeline.From(pipeline.Lift(strconv.Itoa))
	atoi := pipeline.From(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }, pipeline.Workers(2))
	twice := pipeline.From(pipeline.Lift(func(s string) string { return s + s }))
	want := func(got int, err error) {
		t.Helper()
		require.NoError(t, err)
		assert.Equal(t, 77, got)
	}
	six := pipeline.Pipe6(itoa, twice, atoi, itoa, atoi, pipeline.New[int]())
	want(six.Execute(t.Context(), 7))
	want(pipeline.Pipe5(itoa, twice, atoi, itoa, atoi).Execute(t.Context(), 7))
	want(pipeline.Pipe3(itoa, twice, atoi).Execute(t.Context(), 7))
	s, err := pipeline.Pipe4(itoa, twice, atoi, itoa).Execute(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, "77", s)
	want(pipeline.Pipe2(pipeline.Pipe2(itoa, twice), atoi).Execute(t.Context(), 7))
	_, err = pipeline.Pipe3(twice, atoi, itoa).Execute(t.Context(), "x")
	var e *pipeline.StageError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "map 2", e.Stage, "numbered in the whole")
}

func TestThrottleTakesEachItemThroughItsLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := layer(func(ctx context.Context, fn func(context.Context) error) error {
			time.Sleep(time.Second)
			return fn(ctx)
		})
		begin := time.Now()
		n, err := pipeline.New[int]().Throttle(second).Count(t.Context(), numbers(5))
		require.NoError(t, err)
		assert.Equal(t, int64(5), n)
		assert.Equal(t, 5*time.Second, time.Since(begin))
		full := layer(func(context.Context, func(context.Context) error) error { return errBoom })
		_, err = pipeline.New[int]().Throttle(full).Execute(t.Context(), 1)
		assert.ErrorIs(t, err, errBoom)
		assert.PanicsWithValue(t, "pipeline: Throttle needs a layer, got nil", func() { pipeline.New[int]().Throttle(nil) })
	})
}

func TestMapByKeyKeepsTheOrderOfEachKey(t *testing.T) {
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(4)}, {pipeline.Workers(4), pipeline.Unordered()}, {pipeline.Workers(4), pipeline.Window(3)}} {
		var active [7]atomic.Int64
		var last [7]int // no lock: the race detector proves that a key has one worker at a time
		f := func(_ context.Context, v int) (int, error) {
			k := v % 7
			assert.Equal(t, int64(1), active[k].Add(1), "two items of one key at once")
			defer active[k].Add(-1)
			assert.GreaterOrEqual(t, v, last[k], "order of the key")
			last[k] = v
			runtime.Gosched()
			return v, nil
		}
		got, err := pipeline.MapByKey(pipeline.New[int](), func(v int) int { return v % 7 }, f, opts...).Collect(t.Context(), numbers(2000))
		require.NoError(t, err)
		if len(opts) < 2 || opts[1] == nil {
			assert.True(t, slices.IsSorted(got))
		}
		slices.Sort(got)
		assert.Equal(t, upTo(2000), got)
	}
}

func TestMapByKeyRunsOtherKeysBesideASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := pipeline.MapByKey(pipeline.New[int](), func(v int) bool { return v < 10 }, func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Second)
			return v, nil
		}, pipeline.Workers(2))
		_, err := p.Collect(t.Context(), numbers(20))
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(begin), "two keys on two workers")
	})
}

func TestMapByKeyPanicsWithoutFunctions(t *testing.T) {
	assert.PanicsWithValue(t, "pipeline: MapByKey needs two functions, got nil", func() {
		pipeline.MapByKey[int, int, int, int](pipeline.New[int](), nil, add(1))
	})
}

// T24: consumers that are owned cannot be read in lockstep and wait for each
// other.
func TestBroadcastGivesEveryItemToEveryConsumer(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		var a, b []int
		early := 0
		err := p.build(s).Broadcast(t.Context(), p.source(1000),
			func(_ context.Context, items iter.Seq[int]) error { a = slices.Collect(items); return nil },
			func(_ context.Context, items iter.Seq[int]) error {
				for range items {
					if early++; early == 3 {
						return nil // and the others go on
					}
				}
				return nil
			},
			func(_ context.Context, items iter.Seq[int]) error { b = slices.Collect(items); return nil })
		require.NoError(t, err)
		assert.Len(t, a, 1000)
		assert.Equal(t, a, b)
		assert.Equal(t, 3, early)
		p.stopped(t)
	}
}

func TestBroadcastStopsWhenNobodyListens(t *testing.T) {
	p := &probe{}
	leave := func(context.Context, iter.Seq[int]) error { return nil }
	require.NoError(t, p.build(shapes()[0]).Broadcast(t.Context(), p.source(1_000_000_000), leave, leave))
	p.stopped(t)
}

func TestBroadcastEndsWithTheFirstError(t *testing.T) {
	all := func(ctx context.Context, items iter.Seq[int]) error {
		for range items {
		}
		return ctx.Err() // an error that the cancellation made never hides its cause
	}
	tests := []struct {
		name string
		at   string
		one  func(context.Context, iter.Seq[int]) error
		end  func(t *testing.T, err error, end testkit.End)
	}{
		{"of a consumer", "", func(_ context.Context, items iter.Seq[int]) error {
			for range items {
				return errBoom
			}
			return nil
		}, func(t *testing.T, err error, _ testkit.End) { assert.Equal(t, errBoom, err) }},
		{"of a stage", "stage 2", all, func(t *testing.T, err error, _ testkit.End) { assert.ErrorIs(t, err, errBoom) }},
		{"panic of a consumer", "", func(context.Context, iter.Seq[int]) error { panic(errBoom) }, func(t *testing.T, _ error, end testkit.End) {
			require.True(t, end.Panicked)
			assert.IsType(t, (*pipeline.PanicError)(nil), end.Value)
		}},
		{"Goexit of a consumer", "", func(context.Context, iter.Seq[int]) error { runtime.Goexit(); return nil },
			func(t *testing.T, _ error, end testkit.End) { assert.True(t, end.Exited) }},
	}
	for _, tt := range tests {
		for _, s := range shapes() {
			p := &probe{cut: func(_ context.Context, place string, v int) error {
				if place == tt.at && v == 20 {
					return errBoom
				}
				return nil
			}}
			var err error
			end := testkit.Run(func() {
				err = p.build(s).Broadcast(t.Context(), p.source(1000), all, tt.one, all)
			})
			tt.end(t, err, end)
			p.stopped(t)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, context.Canceled, pipeline.New[int]().Broadcast(ctx, numbers(3), all))
	assert.PanicsWithValue(t, "pipeline: Broadcast needs a consumer; to have none there is Drain", func() {
		_ = pipeline.New[int]().Broadcast(t.Context(), numbers(3))
	})
	assert.PanicsWithValue(t, "pipeline: a consumer of Broadcast must not be nil", func() {
		_ = pipeline.New[int]().Broadcast(t.Context(), numbers(3), nil)
	})
}

// A consumer that leaves its loop has only paused: what comes meanwhile waits in its
// queue.
func TestAConsumerOfBroadcastReadsOnAfterALoop(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		var got, all []int
		require.NoError(t, p.build(s).Broadcast(t.Context(), p.source(300),
			func(_ context.Context, items iter.Seq[int]) error {
				for range 3 {
					for v := range items {
						if got = append(got, v); len(got)%100 == 0 {
							break
						}
					}
				}
				return nil
			},
			func(_ context.Context, items iter.Seq[int]) error { all = slices.Collect(items); return nil }))
		assert.Len(t, all, 300)
		assert.Equal(t, all, got, s.name)
		p.stopped(t)
	}
}
