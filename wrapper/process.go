package wrapper

import (
	"context"
	"errors"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/ctxerr"
)

// Process runs fn for every item, each inside w as by Do, and returns the
// results by index. It goes on when items fail, unless StopOnError says
// otherwise; the error is then a *BatchError with every failure and its index,
// and there are no results: see Settle for those that succeeded. If ctx ends, no
// further item begins, and the error matches that of ctx too.
//
// Items run at once as Workers says, on package fanout's engine. For Close and
// Stats a batch is one call, so that Close waits for all of it. When Process
// returns, all items have ended. A panic of fn is raised here, as a
// *fanout.PanicError, and a runtime.Goexit ends this goroutine, after the others
// have been cancelled and joined.
func Process[In, T any](ctx context.Context, w *Wrapper, items []In, fn func(context.Context, In) (T, error), opts ...ProcessOption) ([]T, error) {
	needsFunction("Process", fn != nil)
	needsWrapper("Process", w)
	c := newProcessConfig("Process", opts)
	settled := settle(ctx, w, items, fn, &c)
	if err := batchError(ctx, settled, &c); err != nil {
		return nil, err
	}
	results := make([]T, len(settled))
	for i := range settled {
		results[i] = settled[i].Value
	}
	return results, nil
}

// Settle is Process for partial results: it returns one result an item, by
// index, whose State says whether it is done, failed or skipped. A skipped item
// did not run, or with StopOnError was cut off; its Err says why. KeepFailures
// has no effect.
func Settle[In, T any](ctx context.Context, w *Wrapper, items []In, fn func(context.Context, In) (T, error), opts ...ProcessOption) []fanout.Result[T] {
	needsFunction("Settle", fn != nil)
	needsWrapper("Settle", w)
	c := newProcessConfig("Settle", opts)
	return settle(ctx, w, items, fn, &c)
}

func settle[In, T any](ctx context.Context, w *Wrapper, items []In, fn func(context.Context, In) (T, error), c *processConfig) []fanout.Result[T] {
	opts := c.fanoutOptions(w, len(items))
	first, leave := w.enterBatch()
	defer leave()
	each := func(ctx context.Context, item In) (T, error) {
		return do(ctx, first, &work[In, T]{item: fn, in: item})
	}
	if c.stopOnError {
		return settleUntilError(ctx, items, each, opts)
	}
	return fanout.Settle(ctx, items, each, opts...)
}

// enterBatch counts a batch as one call of w, and returns the frames for its
// items, which then need not be counted one by one. If w is closed they refuse
// every item.
func (w *Wrapper) enterBatch() (first *frame, leave func()) {
	if !w.life.enter() {
		return w.first, func() {}
	}
	inside := *w.first
	inside.life = nil
	return &inside, w.life.leave
}

// settleUntilError is settle with StopOnError.
func settleUntilError[In, T any](ctx context.Context, items []In, each func(context.Context, In) (T, error), opts []fanout.Option) []fanout.Result[T] {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	settled := fanout.Settle(ctx, items, func(itemCtx context.Context, item In) (T, error) {
		v, err := each(itemCtx, item)
		if err == nil {
			return v, nil
		}
		if stop, ok := context.Cause(ctx).(*stoppedError); ok && heard(err) { //nolint:errorlint // a cause of ours is not wrapped
			return v, &cutOff{err, stop}
		}
		cancel(&stoppedError{err}) // of several only the first counts
		return v, err
	}, opts...)
	for i := range settled {
		if cut, ok := settled[i].Err.(*cutOff); ok { //nolint:errorlint // an error of ours is not wrapped
			settled[i] = fanout.Result[T]{Err: cut, State: fanout.Skipped}
		}
	}
	return settled
}

// heard reports whether err, of an item that ended after another had failed, may
// come from hearing of that. Clients wrap the end of a context in errors of
// their own, and some return its cause.
func heard(err error) bool {
	_, ok := errors.AsType[*stoppedError](err)
	return ok || errors.Is(err, context.Canceled)
}

// stoppedError is the cause of the cancellation by StopOnError.
type stoppedError struct{ err error }

func (e *stoppedError) Error() string { return "wrapper: stopped: an item failed: " + e.err.Error() }
func (e *stoppedError) Unwrap() error { return e.err }

// cutOff is the error of an item that StopOnError ended while it ran. It matches
// context.Canceled also where the item returned the cause alone.
type cutOff struct {
	err  error
	stop *stoppedError
}

func (e *cutOff) Error() string   { return e.stop.Error() }
func (e *cutOff) Unwrap() []error { return []error{context.Canceled, e.err, e.stop} }

// batchError returns the error of a batch, nil if every item succeeded.
func batchError[T any](ctx context.Context, settled []fanout.Result[T], c *processConfig) error {
	var e *BatchError
	for i := range settled {
		r := &settled[i]
		if r.State == fanout.Done {
			continue
		}
		if e == nil {
			e = &BatchError{Total: len(settled)}
		}
		switch {
		case r.State == fanout.Skipped:
			e.Skipped++
		case len(e.Failures) == c.keep:
			e.Dropped++
		default:
			e.Failures = append(e.Failures, Failure{Index: i, Err: r.Err})
		}
	}
	if e == nil {
		return nil
	}
	e.cause = ctxerr.Of(ctx)
	return e
}
