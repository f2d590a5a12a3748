package fanout

import (
	"context"
	"iter"

	"github.com/weirkit/weir/internal/ctxerr"
)

// Chan is [Stream] between channels: it calls f for every item that it receives
// from in, by several workers, and sends the results to out, until in is closed.
// Then it returns nil. It does not close out: who made it does, once the last
// sender has returned.
//
//	go func() {
//		defer close(out)
//		err = fanout.Chan(ctx, in, out, f)
//	}()
//
// The first error stops it, as it does [Map], after the results of the items
// before it have been sent; with [CollectErrors] it goes on, and returns a
// *[BatchError] in the end. If ctx ends, it returns the error of ctx. Panics and
// runtime.Goexit are treated as by Map. In each of these cases some items have been
// received and not worked on. Items that wait for room in out count for [Window].
func Chan[T, R any](ctx context.Context, in <-chan T, out chan<- R, f func(context.Context, T) (R, error), opts ...Option) error {
	check(ctx, "Chan", f != nil)
	if in == nil || out == nil {
		panic("fanout: Chan needs two channels, got nil")
	}
	flow := newFlow(function{"Chan", onChans}, opts, f, true)
	failed := kept{most: flow.cfg.keep}
	complete := true
	err := flow.run(ctx, receive(in), func(_ int64, o outcome[R]) bool {
		if o.err != nil {
			failed.add(o.err)
			return true
		}
		select {
		case out <- o.value:
		case <-ctx.Done():
			complete = false
		}
		return complete
	})
	if !complete {
		err = ctxerr.Of(ctx)
	}
	return failed.outcome(err)
}

// StreamChan is [Stream] of the items that come from in, until it is closed. Unlike
// a sequence that receives them, it does not delay the end of the loop when nothing
// comes. An item that was received and not worked on when the loop ends is lost.
func StreamChan[T, R any](ctx context.Context, in <-chan T, f func(context.Context, T) (R, error), opts ...Option) iter.Seq2[R, error] {
	if in == nil {
		panic("fanout: StreamChan needs a channel, got nil")
	}
	return flowing(ctx, "StreamChan", receive(in), f, opts, nil)
}

// receive is the source of what comes from in.
func receive[T any](in <-chan T) source[T] {
	return func(ctx context.Context, yield func(T) bool) error {
		for ctx.Err() == nil {
			select {
			case v, ok := <-in:
				if !ok || !yield(v) {
					return nil
				}
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}
}
