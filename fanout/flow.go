package fanout

import (
	"context"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// source yields the items of a stream until it has none or yield returns false.
// Its context ends when the stream does.
type source[T any] func(ctx context.Context, yield func(T) bool) error

// flow is one run of a stream.
type flow[T, R any] struct {
	cfg    *config // of this run
	call   func(context.Context, T) (R, error)
	raises bool                                  // faults are raised where the flow is consumed, not returned
	exited atomic.Int64                          // 1 + the lowest index of an item that called runtime.Goexit
	keyed  func(*stream.Parallel[T, outcome[R]]) // nil without keys
}

// outcome is what became of an item that does not end the flow.
type outcome[R any] struct {
	value R
	err   *ItemError
}

func newFlow[T, R any](of function, opts []Option, f func(context.Context, T) (R, error), raises bool) *flow[T, R] {
	w := &flow[T, R]{cfg: newConfig(of, opts, -1), raises: raises}
	w.call = wrap(w.cfg, f)
	return w
}

// run feeds what src yields to the workers and out with what becomes of it, until
// out returns false. It returns when everything has ended.
func (w *flow[T, R]) run(
	ctx context.Context,
	src source[T],
	out func(i int64, o outcome[R]) bool,
) error {
	workers := w.cfg.workers
	if c := w.cfg.crew; c != nil {
		workers = c.Workers()
	}
	p := stream.NewParallel[T, outcome[R]](stream.Config{
		Workers: min(workers, maxWorkers), Window: w.cfg.window, Unordered: w.cfg.unordered, FaultErrors: !w.raises,
	})
	if w.keyed != nil {
		w.keyed(p)
	}
	if c := w.cfg.crew; c != nil {
		c.join(p)
		defer c.leave(p)
	}
	item := w.item
	if w.raises {
		item = w.once
	}
	err := p.Run(ctx, src, item, out)
	if i := w.exited.Load(); i > 0 && err == ErrGoexit { //nolint:errorlint // the fault itself
		return &ItemError{int(i - 1), ErrGoexit}
	}
	return err
}

// item runs one item; a panic is its error, and a Goexit is noted.
func (w *flow[T, R]) item(ctx context.Context, i int64, in T) (o outcome[R], err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = &ItemError{int(i), fault.Panicked(v)}
			return
		}
		if ctx.Err() == nil { // else it is not why the flow ends
			w.noteExit(i)
		}
	}()
	o, err = w.once(ctx, i, in)
	returned = true
	return o, err
}

// noteExit notes the lowest index: in order, it is the one that the flow gets to.
func (w *flow[T, R]) noteExit(i int64) {
	for {
		old := w.exited.Load()
		if old != 0 && old <= i+1 || w.exited.CompareAndSwap(old, i+1) {
			return
		}
	}
}

// once runs one item.
func (w *flow[T, R]) once(ctx context.Context, i int64, in T) (outcome[R], error) {
	v, err := w.call(ctx, in)
	if err == nil {
		return outcome[R]{value: v}, nil
	}
	failed := &ItemError{int(i), err}
	if w.cfg.keep > 0 {
		return outcome[R]{err: failed}, nil
	}
	return outcome[R]{}, failed
}
