package fanout

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/weirkit/weir/internal/stream"
)

// Stream calls f for every item that items yields, by several workers, and
// yields the results, in the order of the items unless [Unordered] says otherwise.
// It is lazy: nothing runs before the loop over it, and each loop is a run of its
// own, over items again. It reads ahead by at most its [Window].
//
// The first error ends it: it is yielded once, last, beside a zero value that
// means nothing. In order that is the error of the item with the lowest index,
// after the results of all items before it, as in a plain loop; it is an
// *[ItemError]. If ctx ends, the stream ends at once with the error of ctx. A
// panic of f is a *[PanicError] in an ItemError; runtime.Goexit is [ErrGoexit].
// With [CollectErrors] an error of f takes the place of its item's result, and
// the stream goes on.
//
// When the loop ends, by break, return or panic too, everything has stopped: the
// context that f gets is cancelled, and what runs is waited for. items runs on a
// goroutine of its own, so values that it shares with the loop need a lock; while it
// blocks, it delays the end of the loop.
func Stream[T, R any](ctx context.Context, items iter.Seq[T], f func(context.Context, T) (R, error), opts ...Option) iter.Seq2[R, error] {
	return flowing(ctx, "Stream", sequence("Stream", items), f, opts, nil)
}

// sequence is the source of what items yields.
func sequence[T any](name string, items iter.Seq[T]) source[T] {
	if items == nil {
		panic(fmt.Sprintf("fanout: %s needs a sequence, got nil", name))
	}
	return func(ctx context.Context, yield func(T) bool) error {
		items(yield)
		return ctx.Err() // perhaps that is why it ended, and then it is not the end
	}
}

// StreamByKey is [Stream] for items that belong together: those for which key
// returns the same run one after the other, in their order, and what one of them
// wrote the next may read without a lock. Items of different keys run at once.
//
// An item that has to wait for its key keeps no worker from others, but it counts
// for the [Window]: behind so many items of one key, the others wait too. A key is
// remembered only while it has items in the window. key runs on the goroutine of
// items.
func StreamByKey[T, R any, K comparable](ctx context.Context, items iter.Seq[T], key func(T) K, f func(context.Context, T) (R, error), opts ...Option) iter.Seq2[R, error] {
	if key == nil {
		panic("fanout: StreamByKey needs a function that gives the key, got nil")
	}
	return flowing(ctx, "StreamByKey", sequence("StreamByKey", items), f, opts, func(p *stream.Parallel[T, outcome[R]]) {
		stream.ByKey(p, key)
	})
}

func flowing[T, R any](ctx context.Context, name string, src source[T], f func(context.Context, T) (R, error),
	opts []Option, keyed func(*stream.Parallel[T, outcome[R]])) iter.Seq2[R, error] {
	check(ctx, name, f != nil)
	of := function{name, onStreams}
	opts = slices.Clone(opts) // the caller's slice may change before the loop
	newConfig(of, opts, -1)   // what is wrong with them is said here, not in the loop
	return func(yield func(R, error) bool) {
		w := newFlow(of, opts, f, false)
		w.keyed = keyed
		err := w.run(ctx, src, func(_ int64, o outcome[R]) bool {
			if o.err != nil {
				var none R
				return yield(none, o.err)
			}
			return yield(o.value, nil)
		})
		if err != nil {
			var none R
			yield(none, err)
		}
	}
}
