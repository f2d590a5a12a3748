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

// again is a layer that tries n times.
func again(n int) layer {
	return func(ctx context.Context, fn func(context.Context) error) (err error) {
		for range n {
			if err = fn(ctx); err == nil {
				return nil
			}
		}
		return err
	}
}

// ways are the ways in which a FlatMap runs.
func ways() [][]pipeline.Option {
	return [][]pipeline.Option{nil, {pipeline.Workers(3)}, {pipeline.Workers(1), pipeline.Window(1), pipeline.Unordered()}, {pipeline.Buffer(2)}}
}

// An attempt that fails in the middle of its sequence leaves nothing behind.
func TestAGuardedFlatMapHandsOnWholeItems(t *testing.T) {
	for _, opts := range ways() {
		fail := func() func(context.Context, int) iter.Seq2[int, error] {
			attempts := make([]int, 10)
			return func(_ context.Context, v int) iter.Seq2[int, error] {
				attempts[v]++
				n := attempts[v]
				return func(yield func(int, error) bool) {
					_ = yield(v*10, nil) && (n > 2 || v%2 == 0 || yield(0, errBoom)) && yield(v*10+1, nil)
				}
			}
		}
		want := []int{0, 1, 10, 11, 20, 21, 30, 31}
		got, err := pipeline.FlatMap(pipeline.New[int](), fail(), append(opts, pipeline.Guard(again(3)))...).Collect(t.Context(), numbers(4))
		require.NoError(t, err)
		assert.Equal(t, want, got)

		got, err = pipeline.FlatMap(pipeline.New[int](), fail(), append(opts, pipeline.Guard(again(2)), pipeline.OnError(skip))...).
			Collect(t.Context(), numbers(4))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1, 20, 21}, got, "what fails is dropped whole")

		retried := pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return pipeline.Retry })
		got, err = pipeline.FlatMap(pipeline.New[int](), fail(), append(opts, pipeline.Timeout(time.Hour), retried)...).Collect(t.Context(), numbers(4))
		require.NoError(t, err)
		assert.Equal(t, want, got)

		_, err = pipeline.FlatMap(pipeline.New[int](), fail(), append(opts, pipeline.Guard(again(2)))...).Collect(t.Context(), numbers(4))
		var e *pipeline.StageError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 1, e.Item)
	}
	one, err := pipeline.FlatMap(pipeline.New[int](), func(context.Context, int) iter.Seq2[int, error] { return nil },
		pipeline.Guard(again(1))).Count(t.Context(), numbers(3))
	require.NoError(t, err)
	assert.Zero(t, one, "a nil sequence is an empty one")
}

// A guard does not hold, and a timeout does not pass, while a later stage works.
func TestTheGuardOfAFlatMapEndsBeforeLaterStages(t *testing.T) {
	for _, opts := range ways() {
		synctest.Test(t, func(t *testing.T) {
			inside := 0
			guard := layer(func(ctx context.Context, fn func(context.Context) error) error {
				inside++
				defer func() { inside-- }()
				return fn(ctx)
			})
			pair := func(ctx context.Context, v int) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					if v == 3 {
						<-ctx.Done()
						yield(0, ctx.Err())
						return
					}
					for range 2 {
						if !yield(v, nil) {
							return
						}
					}
				}
			}
			if len(opts) == 0 {
				opts = append(opts, pipeline.Guard(guard)) // on one goroutine
			}
			p := pipeline.FlatMap(pipeline.New[int](), pair, append(opts, pipeline.Timeout(time.Second))...)
			n := 0
			for _, err := range p.Stream(t.Context(), numbers(5)) {
				if n == 6 {
					require.ErrorIs(t, err, pipeline.ErrTimeout)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					break
				}
				require.NoError(t, err)
				assert.Zero(t, inside)
				time.Sleep(time.Minute)
				n++
			}
			assert.Equal(t, 6, n)
		})
	}
}

func TestAGuardedFlatMapIsBounded(t *testing.T) {
	p := pipeline.FlatMap(pipeline.New[int](), func(_ context.Context, n int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := 0; i < n && yield(i, nil); i++ {
			}
		}
	}, pipeline.Timeout(time.Hour))
	n, err := p.Count(t.Context(), pipeline.One(65536))
	require.NoError(t, err)
	assert.Equal(t, int64(65536), n)
	_, err = p.Count(t.Context(), pipeline.One(65537))
	assert.ErrorIs(t, err, pipeline.ErrTooMany)
}
