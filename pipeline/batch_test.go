package pipeline_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// every are the two kinds of Batch.
func every() [][]pipeline.Option {
	return [][]pipeline.Option{nil, {pipeline.Every(time.Hour)}, {pipeline.Every(time.Hour), pipeline.Buffer(2)}}
}

func TestBatchSizes(t *testing.T) {
	for _, opts := range every() {
		for n := range 12 {
			for size := 1; size <= 5; size++ {
				got, err := pipeline.Batch(pipeline.New[int](), size, opts...).Collect(t.Context(), numbers(n))
				require.NoError(t, err)
				next := 0
				for i, b := range got {
					if i < len(got)-1 {
						assert.Len(t, b, size)
					}
					assert.NotEmpty(t, b)
					for _, v := range b {
						assert.Equal(t, next, v)
						next++
					}
				}
				assert.Equal(t, n, next)
			}
		}
	}
}

// T23: a batch belongs to its receiver.
func TestABatchIsNotUsedAgain(t *testing.T) {
	for _, opts := range every() {
		var kept [][]int
		for b, err := range pipeline.Batch(pipeline.New[int](), 3, opts...).Stream(t.Context(), numbers(9)) {
			require.NoError(t, err)
			kept = append(kept, b)
			_ = append(b, -1)
		}
		assert.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}, kept)
	}
}

func TestBatchHandsOnWhatCameBeforeAnError(t *testing.T) {
	failAt5 := func(_ context.Context, v int) (int, error) {
		if v == 5 {
			return 0, errBoom
		}
		return v, nil
	}
	for _, opts := range every() {
		for _, workers := range []int{1, 2} {
			p := pipeline.Batch(pipeline.New[int]().Then(failAt5, pipeline.Workers(workers)), 3, opts...)
			var got [][]int
			var last error
			for b, err := range p.Stream(t.Context(), numbers(9)) {
				if err != nil {
					last = err
					break
				}
				got = append(got, b)
			}
			assert.ErrorIs(t, last, errBoom)
			assert.Equal(t, [][]int{{0, 1, 2}, {3, 4}}, got)
		}
	}
}

// paced yields 0, 1, 2 and so on after the given pauses.
func paced(pauses ...time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, d := range pauses {
			time.Sleep(d)
			if !yield(i) {
				return
			}
		}
	}
}

// T22: the time of a batch counts from its first item, whatever trickles in.
func TestEveryCountsFromTheFirstItemOfABatch(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		name   string
		size   int
		pauses []time.Duration
		want   [][]int
		at     []time.Duration
	}{
		{"a trickle faster than the time", 100, []time.Duration{0, 30 * ms, 30 * ms, 30 * ms, 30 * ms}, [][]int{{0, 1}, {2, 3}, {4}},
			[]time.Duration{50 * ms, 110 * ms, 120 * ms}},
		{"a late first item", 100, []time.Duration{time.Second, 49 * ms, 2 * ms}, [][]int{{0, 1}, {2}}, []time.Duration{1050 * ms, 1051 * ms}},
		{"a full batch does not wait", 2, []time.Duration{0, ms, ms, ms}, [][]int{{0, 1}, {2, 3}}, []time.Duration{ms, 3 * ms}},
		{"nothing, so no empty batch", 2, []time.Duration{0, ms, time.Second, 0}, [][]int{{0, 1}, {2, 3}}, []time.Duration{ms, 1001 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // two bubbles
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					var got [][]int
					var at []time.Duration
					for b, err := range pipeline.Batch(pipeline.New[int](), tt.size, pipeline.Every(50*ms)).Stream(t.Context(), paced(tt.pauses...)) {
						require.NoError(t, err)
						got = append(got, b)
						at = append(at, time.Since(begin))
					}
					assert.Equal(t, tt.want, got)
					assert.Equal(t, tt.at, at)
				})
			}
		})
	}
}

func TestABusyConsumerGetsTheDueBatchWhenItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := make([]time.Duration, 50)
		for i := range pauses {
			pauses[i] = time.Second
		}
		next := 0
		for b, err := range pipeline.Batch(pipeline.New[int](), 4, pipeline.Every(3*time.Second)).Stream(t.Context(), paced(pauses...)) {
			require.NoError(t, err)
			require.LessOrEqual(t, len(b), 4)
			for _, v := range b {
				require.Equal(t, next, v, "in order")
				next++
			}
			time.Sleep(time.Duration(next%5) * 2 * time.Second)
		}
		assert.Equal(t, 50, next)
	})
}

func TestATimedBatchStopsWhileItsSourceIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		blocked := func(yield func(int) bool) {
			yield(1)
			<-ctx.Done()
		}
		var got [][]int
		var last error
		for b, err := range pipeline.Batch(pipeline.New[int](), 10, pipeline.Every(time.Second)).Stream(ctx, blocked) {
			if last = err; err == nil {
				got = append(got, b)
			}
		}
		assert.Equal(t, [][]int{{1}}, got, "the batch came while the source was blocked")
		assert.Equal(t, context.DeadlineExceeded, last)
	})
}

func TestTimedBatchCutsLikeAnyStage(t *testing.T) {
	for _, how := range []string{"break", "panic", "cancel"} {
		for k := range 4 {
			ctx, cancel := context.WithCancel(t.Context())
			p := &probe{}
			var last error
			body := func() {
				i := 0
				for _, err := range pipeline.Batch(p.build(shapes()[0]), 3, pipeline.Every(time.Hour)).Stream(ctx, p.source(30)) {
					if last = err; err != nil {
						return
					}
					if i == k {
						switch how {
						case "break":
							return
						case "panic":
							panic(errBoom)
						case "cancel":
							cancel()
						}
					}
					i++
				}
			}
			if how == "panic" {
				assert.PanicsWithValue(t, errBoom, body)
			} else {
				body()
			}
			p.stopped(t)
			if how == "cancel" {
				assert.Equal(t, context.Canceled, last)
			}
			cancel()
		}
	}
}

// While its consumer is busy a timed batch reads ahead a batch that is full and one in
// the making, and no more.
func TestABusyConsumerBoundsATimedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := 0
		src := func(yield func(int) bool) {
			for ; yield(taken); taken++ {
			}
		}
		n := 0
		for b, err := range pipeline.Batch(pipeline.New[int](), 10, pipeline.Every(time.Second)).Stream(t.Context(), src) {
			require.NoError(t, err)
			require.Len(t, b, 10)
			time.Sleep(time.Hour)
			synctest.Wait()
			if n += 10; n == 100 {
				break
			}
			assert.LessOrEqual(t, taken, n+20)
		}
	})
}
