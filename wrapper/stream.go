package wrapper

import (
	"context"
	"iter"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/ctxerr"
)

// maxStreamWorkers bounds the workers of a stream where Workers does not say how
// many there are: a stream, unlike a slice, does not know how many it needs.
const maxStreamWorkers = 1024

// Stream is Process for items that come one after the other, more than fit into
// memory or over time. It is lazy: nothing runs before the loop over it. It yields
// one pair for each item, in their order: its result and nil, or a zero value that
// means nothing and a *fanout.ItemError, with the item's index. It goes on when
// items fail, unless StopOnError says that the first error ends it. If ctx ends, it
// ends at once with the error of ctx.
//
// When the loop ends, by break, return or panic too, everything has stopped. The
// sequence runs on a goroutine of its own. A panic of fn is an error of its item,
// and ends the stream. See fanout.Stream, which runs it. KeepFailures has no
// effect. For Close and Stats each item is a call: a stream may have no end, and
// Close refuses the items that come after it.
func Stream[In, T any](ctx context.Context, w *Wrapper, items iter.Seq[In], fn func(context.Context, In) (T, error), opts ...ProcessOption) iter.Seq2[T, error] {
	needsFunction("Stream", fn != nil)
	needsWrapper("Stream", w)
	c := newProcessConfig("Stream", opts)
	return streamed(ctx, w, items, fn, &c)
}

func streamed[In, T any](ctx context.Context, w *Wrapper, items iter.Seq[In], fn func(context.Context, In) (T, error), c *processConfig) iter.Seq2[T, error] {
	if items == nil {
		panic("wrapper: Stream and ProcessSeq need a sequence, got nil")
	}
	options := c.fanoutOptions(w, maxStreamWorkers)
	if !c.stopOnError {
		options = append(options, fanout.CollectErrors())
	}
	return fanout.Stream(ctx, items, func(ctx context.Context, item In) (T, error) {
		return do(ctx, w.first, &work[In, T]{item: fn, in: item})
	}, options...)
}

// ProcessSeq is Process for the items of a sequence: it returns the results by
// index, or a *BatchError, of which Total is the number of items that have ended.
// If ctx ends, or with StopOnError an item fails, it does not count those that
// were not asked for. A panic of fn is an error of its item, and ends the batch.
// For Close and Stats each item is a call.
func ProcessSeq[In, T any](ctx context.Context, w *Wrapper, items iter.Seq[In], fn func(context.Context, In) (T, error), opts ...ProcessOption) ([]T, error) {
	needsFunction("ProcessSeq", fn != nil)
	needsWrapper("ProcessSeq", w)
	c := newProcessConfig("ProcessSeq", opts)
	var e BatchError
	var results []T
	for v, err := range streamed(ctx, w, items, fn, &c) {
		failed, ok := err.(*fanout.ItemError) //nolint:errorlint // one further inside is of somebody else's batch
		switch {
		case err == nil:
			results = append(results, v)
		case !ok: // ctx ended
			e.cause = err
			continue
		case len(e.Failures) == c.keep:
			e.Dropped++
		default:
			e.Failures = append(e.Failures, Failure{failed.Index, failed.Err})
		}
		e.Total++
	}
	if len(e.Failures) == 0 && e.cause == nil {
		return results, nil
	}
	if e.cause == nil {
		e.cause = ctxerr.Of(ctx)
	}
	return nil, &e
}
