package generator

import (
	"context"
	"runtime"
)

// Generator is a handle on values that a producer makes on demand. Make it with
// [New], [From] or another constructor; the zero value is not usable, and it must
// not be copied.
//
// Nothing runs before the first pull: Next, NextContext, Peek, CollectN, Collect,
// or a loop over All, Stream or Batches. What runs the producer then depends on it:
//
//   - With [Buffer], a goroutine, from the first pull until the generator ends.
//   - Without, the caller's stack. Loops and Collect on a generator that has not
//     been pulled yet call the producer directly: a value costs one function call
//     more than in a loop over a plain iterator. Next, NextContext, Peek and
//     CollectN switch to a coroutine and back (see [iter.Pull]), some 80 ns a value
//     where a loop takes 3 (go run ./cmd/table generator/ in bench), and so does all
//     that follows them.
//
// A generator ends when the producer returns, when its context is done, when a
// loop is left, or with [Generator.Close]. Then the producer
// has returned, its deferred calls included, nothing more is handed out, and Err
// tells why. A context that is done wins over values that are ready.
//
// Its methods are safe for concurrent use. Values come in the order in which they
// were produced, each to one caller; pulls that wait for each other are served in
// no particular order. A loop has the generator for itself: a pull while it runs,
// from its body or by others, panics.
//
// A panic or runtime.Goexit of a producer without Buffer passes through the caller
// that it runs for, and Err is [ErrAborted] from then on; with Buffer the values
// before it are handed out and Err then is a [*PanicError] or [ErrGoexit].
//
// The producer must not call methods of its own generator. A generator that is
// dropped without Close is ended by the garbage collector some time later, unless
// its producer refers to the handle. In a testing/synctest bubble it is not: call
// Close there. Nor may a goroutine that is locked to its thread drop one without
// Buffer that it has called Next on, or another goroutine call methods of that:
// coroutines belong to the thread, and the runtime throws.
type Generator[T any] struct {
	// core is apart from the handle, which nothing that runs may refer to: so
	// an abandoned handle becomes unreachable although its producer has not
	// ended. Each method that pulls keeps the handle alive to its end.
	core *core[T]
}

// New returns a generator of what produce yields. yield reports whether the
// consumer wants more; once it has said no it goes on to, and produce should
// return. The ctx that produce gets derives from the given one and is done by the
// time that yield says no, or earlier if the producer waits for something else: it
// must watch ctx then, as whoever ends the generator waits for the producer.
//
// produce calls yield from its own goroutine alone. An error that it returns ends
// the generator and comes out of Err. After yield has said no, what it returns is
// ignored.
func New[T any](ctx context.Context, produce func(ctx context.Context, yield func(T) bool) error, opts ...Option) *Generator[T] {
	if ctx == nil {
		panic("generator: ctx must not be nil; use context.Background()")
	}
	mustHave(produce != nil, "produce")
	c := &core[T]{gate: gate{ctx: ctx}, produce: produce, buffer: newConfig(opts).buffer}
	if ctx.Done() != nil {
		c.ask = ctx
	}
	return &Generator[T]{c}
}

// made returns the core of a generator that a constructor made.
func (g *Generator[T]) made() *core[T] {
	if g.core == nil {
		panic("generator: a Generator must be made by New, From or another constructor, this one is a zero value")
	}
	return g.core
}

// Err returns why the generator ended: nil if it has not, or if the producer had
// no more values or no more were wanted (a loop was left, Close). It is the
// context's error (which matches its cause, too) if that ended it, and otherwise
// what the producer returned or how it failed: see [ErrAborted], [PanicError] and
// [ErrGoexit]. It never waits.
func (g *Generator[T]) Err() error {
	if e := g.made().ended.Load(); e != nil {
		return e.err
	}
	return nil
}

// Close ends the generator and waits until its producer has ended; a Next that is
// under way returns false as soon as the producer lets it. It may be called
// at any time, from any goroutine and more than once. After it nothing is handed
// out.
//
// While a loop runs, Close may be a call of its body, which cannot end before Close
// returns. Without [Buffer] the producer runs on that
// loop's stack, so Close then does not wait: the producer ends when the body is
// done, before the loop statement is.
func (g *Generator[T]) Close() {
	defer runtime.KeepAlive(g)
	g.made().close()
}
