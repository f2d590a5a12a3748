package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestStreamYieldsResultsAndFailuresInOrder(t *testing.T) {
	w := wrapper.Compose(semaphore.New(4))
	i := 0
	for v, err := range wrapper.Stream(t.Context(), w, slices.Values(numbers(100)), failOn(7, 50)) {
		if i == 7 || i == 50 {
			var item *fanout.ItemError
			require.ErrorAs(t, err, &item)
			assert.Equal(t, i, item.Index)
			assert.ErrorIs(t, err, errBoom)
			assert.Zero(t, v)
		} else {
			require.NoError(t, err)
			require.Equal(t, 2*i, v)
		}
		i++
	}
	assert.Equal(t, 100, i)
}

func TestStreamEndsAtTheFirstErrorWithStopOnError(t *testing.T) {
	var errs []error
	n := 0
	for _, err := range wrapper.Stream(t.Context(), wrapper.Compose(semaphore.New(1)), slices.Values(numbers(100)), failOn(3), wrapper.StopOnError()) {
		n++
		if err != nil {
			errs = append(errs, err)
		}
	}
	assert.Equal(t, 4, n)
	assert.Len(t, errs, 1)
}

func TestStreamIsBoundedByTheSemaphoreAndStopsWhenItIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(3)
		w := wrapper.Compose(s)
		var running, most atomic.Int64
		endless := iter.Seq[int](func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
			}
		})
		for v, err := range wrapper.Stream(t.Context(), w, endless, func(ctx context.Context, n int) (int, error) {
			now := running.Add(1)
			defer running.Add(-1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			select {
			case <-time.After(time.Second):
				return n, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}) {
			require.NoError(t, err)
			if v == 20 {
				break
			}
		}
		assert.Zero(t, running.Load(), "an item runs although the loop has ended")
		assert.Zero(t, s.Held())
		assert.EqualValues(t, 3, most.Load())
	})
}

func TestProcessSeqCollects(t *testing.T) {
	w := wrapper.Compose(semaphore.New(2))
	got, err := wrapper.ProcessSeq(t.Context(), w, slices.Values(numbers(50)), double)
	assert.NoError(t, err)
	require.Len(t, got, 50)
	assert.Equal(t, 98, got[49])

	got, err = wrapper.ProcessSeq(t.Context(), w, slices.Values(numbers(50)), failOn(3, 9, 11), wrapper.KeepFailures(2))
	assert.Nil(t, got)
	var batch *wrapper.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, []int{3, 9}, []int{batch.Failures[0].Index, batch.Failures[1].Index})
	assert.Equal(t, 1, batch.Dropped)
	assert.Equal(t, 50, batch.Total)

	_, err = wrapper.ProcessSeq(t.Context(), w, slices.Values(numbers(50)), failOn(3), wrapper.StopOnError(), wrapper.Workers(1))
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, 4, batch.Total)

	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = wrapper.ProcessSeq(ctx, w, slices.Values(numbers(50)), func(_ context.Context, n int) (int, error) {
		if n == 5 {
			cancel(cause)
		}
		return n, nil
	})
	assert.ErrorIs(t, err, cause)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestStreamPanicsOnBadInput(t *testing.T) {
	w := wrapper.Compose()
	assert.PanicsWithValue(t, "wrapper: Stream needs a function, got nil", func() {
		wrapper.Stream[int, int](t.Context(), w, slices.Values(numbers(1)), nil)
	})
	assert.PanicsWithValue(t, "wrapper: Stream and ProcessSeq need a sequence, got nil", func() {
		wrapper.Stream(t.Context(), w, nil, double)
	})
	assert.PanicsWithValue(t, "wrapper: ProcessSeq needs a function, got nil", func() {
		_, _ = wrapper.ProcessSeq[int, int](t.Context(), w, slices.Values(numbers(1)), nil)
	})
}

func ExampleStream() {
	w := wrapper.Compose(semaphore.New(4))
	words := slices.Values([]string{"lazy", "", "ordered"})
	for n, err := range wrapper.Stream(context.Background(), w, words, func(_ context.Context, s string) (int, error) {
		if s == "" {
			return 0, errors.New("empty")
		}
		return len(s), nil
	}) {
		fmt.Println(n, err)
	}
	// Output:
	// 4 <nil>
	// 0 fanout: item 1: empty
	// 7 <nil>
}

func TestProcessSeqTellsItemsFromTheCauseOfTheContext(t *testing.T) {
	inner := &fanout.ItemError{Index: 99, Err: errBoom} // as where one call of a fanout cancels the others
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := wrapper.ProcessSeq(ctx, wrapper.Compose(semaphore.New(1)), slices.Values(numbers(50)), func(_ context.Context, n int) (int, error) {
		if n == 5 {
			cancel(inner)
		}
		return n, nil
	})
	var batch *wrapper.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Empty(t, batch.Failures, "no item has failed")
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, errBoom)

	_, err = wrapper.ProcessSeq(t.Context(), wrapper.Compose(), slices.Values(numbers(5)), func(_ context.Context, n int) (int, error) {
		if n == 3 {
			return 0, inner
		}
		return n, nil
	})
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, []wrapper.Failure{{Index: 3, Err: inner}}, batch.Failures, "its place in the batch, not in what it did")
	assert.Equal(t, 5, batch.Total)
}

func TestAPanicOrGoexitEndsAStreamAsTheErrorOfItsItem(t *testing.T) {
	tests := []struct {
		name string
		fail func()
		want func(t *testing.T, err error)
	}{
		{"panic", func() { panic(errBoom) }, func(t *testing.T, err error) {
			t.Helper()
			var raised *fanout.PanicError
			require.ErrorAs(t, err, &raised)
			assert.Equal(t, errBoom, raised.Value)
		}},
		{"goexit", runtime.Goexit, func(t *testing.T, err error) {
			t.Helper()
			assert.ErrorIs(t, err, fanout.ErrGoexit)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := semaphore.New(2)
			w := wrapper.Compose(retry.New(), s)
			work := func(_ context.Context, n int) (int, error) {
				if n == 3 {
					tt.fail()
				}
				return n, nil
			}
			var errs []error
			for _, err := range wrapper.Stream(t.Context(), w, slices.Values(numbers(100)), work) {
				if err != nil {
					errs = append(errs, err)
				}
			}
			require.Len(t, errs, 1)
			tt.want(t, errs[0])
			_, err := wrapper.ProcessSeq(t.Context(), w, slices.Values(numbers(100)), work)
			var batch *wrapper.BatchError
			require.ErrorAs(t, err, &batch)
			assert.Equal(t, 4, batch.Total)
			assert.Equal(t, 3, batch.Failures[0].Index)
			tt.want(t, err)
			assert.Zero(t, s.Held())
			assert.Zero(t, w.Stats().Running)
		})
	}
}

func TestProgressOfASequenceKnowsNoTotal(t *testing.T) {
	var told []int
	_, err := wrapper.ProcessSeq(t.Context(), wrapper.Compose(), slices.Values(numbers(3)), double, wrapper.Workers(1), wrapper.Progress(func(done, total int) {
		assert.Equal(t, -1, total)
		told = append(told, done)
	}))
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, told)
}

// A stream may go on for ever: Close must not wait for that.
func TestCloseEndsAStreamByRefusingItsNextItems(t *testing.T) {
	w := wrapper.Compose(semaphore.New(1))
	var done, refused int
	for _, err := range wrapper.Stream(t.Context(), w, slices.Values(numbers(5000)), double) {
		switch {
		case err == nil:
			done++
		case errors.Is(err, wrapper.ErrClosed):
			refused++
		default:
			t.Errorf("%v", err)
		}
		if done == 2 && refused == 0 {
			assert.NoError(t, w.Close())
		}
	}
	assert.Equal(t, 5000, done+refused)
	assert.Positive(t, refused)
}
