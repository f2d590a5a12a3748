package wrapper_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// manner is what an item of a random batch does.
type manner int

const (
	succeeds manner = iota
	takesTime
	fails
	failsLate
	failsOnce
	waitsForTheEnd // of its context, but no longer than a minute
	endsTheContext
	manners
)

// batchRun is a random batch: items that misbehave, some options and a context.
type batchRun struct {
	items  []manner
	stop   bool
	keep   int
	opts   []wrapper.ProcessOption
	cancel context.CancelFunc

	ordered bool        // a stream yields what comes before a failure, and so runs it
	ended   atomic.Bool // by an item

	runs     []atomic.Int64
	running  atomic.Int64
	most     atomic.Int64
	failedAt atomic.Int64 // when the last item failed for good
	late     atomic.Int64 // runs that began after that
}

func newBatchRun(rnd *rand.Rand) *batchRun {
	b := &batchRun{items: make([]manner, rnd.IntN(25)), stop: rnd.IntN(2) == 0, keep: 1 + rnd.IntN(4)}
	b.runs = make([]atomic.Int64, len(b.items))
	often := rnd.IntN(8)
	for i := range b.items {
		if rnd.IntN(8) < often {
			b.items[i] = manner(rnd.IntN(int(manners)))
		}
	}
	b.opts = []wrapper.ProcessOption{wrapper.Workers(1 + rnd.IntN(4)), wrapper.KeepFailures(b.keep)}
	if b.stop {
		b.opts = append(b.opts, wrapper.StopOnError())
	}
	return b
}

func (b *batchRun) work(ctx context.Context, i int) (int, error) {
	now := b.running.Add(1)
	defer b.running.Add(-1)
	for old := b.most.Load(); now > old && !b.most.CompareAndSwap(old, now); old = b.most.Load() {
	}
	first := b.runs[i].Add(1) == 1
	if at := b.failedAt.Load(); at > 0 && time.Now().UnixNano() > at {
		b.late.Add(1)
	}
	switch b.items[i] {
	case takesTime:
		time.Sleep(time.Duration(1+i%3) * time.Second)
	case fails, failsLate:
		if b.items[i] == failsLate {
			time.Sleep(2 * time.Second)
		}
		b.failedAt.Store(time.Now().UnixNano())
		return -1, retry.Permanent(errBoom)
	case failsOnce:
		if first {
			return -1, errBoom
		}
	case waitsForTheEnd:
		select {
		case <-ctx.Done():
			return -1, ctx.Err()
		case <-time.After(time.Minute):
		}
	case endsTheContext:
		b.ended.Store(true)
		b.cancel()
	}
	return 10 * i, nil
}

// over checks what holds when a batch has ended, whatever it did.
func (b *batchRun) over(t *testing.T, seed uint64, w *wrapper.Wrapper, s *semaphore.Semaphore) {
	t.Helper()
	require.Zero(t, b.running.Load(), "seed %d: an item still runs", seed)
	require.Zero(t, s.Held(), "seed %d", seed)
	require.Zero(t, w.Stats().Running, "seed %d", seed)
	require.LessOrEqual(t, b.most.Load(), int64(2), "seed %d: more at once than the semaphore allows", seed)
	if b.stop && !b.ordered {
		require.Zero(t, b.late.Load(), "seed %d: an item began although another had failed", seed)
	}
	for i := range b.runs {
		if n := b.runs[i].Load(); n > 1 {
			require.Equal(t, failsOnce, b.items[i], "seed %d: item %d ran %d times", seed, i, n)
		}
	}
}

// eachBatch calls f with random batches, each in a bubble of its own.
func eachBatch(t *testing.T, f func(t *testing.T, ctx context.Context, seed uint64, b *batchRun, w *wrapper.Wrapper)) {
	t.Helper()
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			b := newBatchRun(rand.New(rand.NewPCG(seed, 11)))
			s := semaphore.New(2)
			w := wrapper.Compose(retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(time.Second))), s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b.cancel = cancel
			f(t, ctx, seed, b, w)
			b.over(t, seed, w, s)
		})
	}
}

func TestEveryItemOfABatchIsAccountedForOnce(t *testing.T) {
	eachBatch(t, func(t *testing.T, ctx context.Context, seed uint64, b *batchRun, w *wrapper.Wrapper) {
		settled := wrapper.Settle(ctx, w, numbers(len(b.items)), b.work, b.opts...)
		require.Len(t, settled, len(b.items), "seed %d", seed)
		for i, r := range settled {
			switch r.State {
			case fanout.Done:
				require.NoError(t, r.Err, "seed %d", seed)
				require.Equal(t, 10*i, r.Value, "seed %d: the result of another item", seed)
				require.Positive(t, b.runs[i].Load(), "seed %d: item %d never ran", seed, i)
			case fanout.Failed:
				require.Error(t, r.Err, "seed %d", seed)
				require.Zero(t, r.Value, "seed %d", seed)
				if b.runs[i].Load() == 0 { // it waited for a permit
					require.Equal(t, context.Canceled, r.Err, "seed %d: item %d never ran", seed, i)
					require.True(t, b.ended.Load(), "seed %d", seed)
				}
			case fanout.Skipped:
				require.Error(t, r.Err, "seed %d: item %d: it says why", seed, i)
				require.True(t, b.ended.Load() || b.stop, "seed %d: item %d: for nothing", seed, i)
			}
			if b.items[i] == fails || b.items[i] == failsLate {
				require.NotEqual(t, fanout.Done, r.State, "seed %d: item %d", seed, i)
			}
		}
	})
}

func TestTheErrorOfABatchCountsWhatBecameOfItsItems(t *testing.T) {
	eachBatch(t, func(t *testing.T, ctx context.Context, seed uint64, b *batchRun, w *wrapper.Wrapper) {
		results, err := wrapper.Process(ctx, w, numbers(len(b.items)), b.work, b.opts...)
		if err == nil {
			require.Len(t, results, len(b.items), "seed %d", seed)
			for i, v := range results {
				require.Equal(t, 10*i, v, "seed %d", seed)
			}
			return
		}
		require.Nil(t, results, "seed %d", seed)
		batch, ok := errors.AsType[*wrapper.BatchError](err)
		require.True(t, ok, "seed %d", seed)
		require.Equal(t, len(b.items), batch.Total, "seed %d", seed)
		require.LessOrEqual(t, len(batch.Failures), b.keep, "seed %d", seed)
		require.LessOrEqual(t, len(batch.Failures)+batch.Dropped+batch.Skipped, batch.Total, "seed %d", seed)
		require.Positive(t, len(batch.Failures)+batch.Skipped, "seed %d", seed)
		require.Equal(t, batch.Dropped > 0, batch.Dropped > 0 && len(batch.Failures) == b.keep, "seed %d", seed)
		require.True(t, slices.IsSortedFunc(batch.Failures, func(a, b wrapper.Failure) int { return a.Index - b.Index }), "seed %d", seed)
		require.Equal(t, b.ended.Load(), errors.Is(err, context.Canceled), "seed %d: %v", seed, err)
		for _, f := range batch.Failures {
			require.ErrorIs(t, err, f.Err, "seed %d", seed)
		}
	})
}

func TestTheItemsOfASequenceAreYieldedInOrderUntilItEnds(t *testing.T) {
	eachBatch(t, func(t *testing.T, ctx context.Context, seed uint64, b *batchRun, w *wrapper.Wrapper) {
		b.ordered = true
		i, over := 0, false
		for v, err := range wrapper.Stream(ctx, w, slices.Values(numbers(len(b.items))), b.work, b.opts...) {
			require.False(t, over, "seed %d: something comes after the end", seed)
			item, failed := errors.AsType[*fanout.ItemError](err)
			switch {
			case err == nil:
				require.Equal(t, 10*i, v, "seed %d", seed)
			case failed:
				require.Equal(t, i, item.Index, "seed %d", seed)
				over = b.stop
			default:
				require.Equal(t, context.Canceled, err, "seed %d", seed)
				require.True(t, b.ended.Load(), "seed %d", seed)
				over = true
			}
			i++
		}
		require.True(t, over || i == len(b.items), "seed %d: %d of %d", seed, i, len(b.items))
	})
}
