package wrapper

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// Wrapper is layers around a call, compiled once. Make it with New or Compose.
// The zero value is not usable. It is immutable, safe for concurrent use, must
// not be copied, and is a Layer itself.
//
// It holds no permits or tokens of its own: its parts do. A part may be in
// several wrappers.
type Wrapper struct {
	layers []Layer // as given, outermost first
	first  *frame
	life   *lifecycle
	config Config // zero for Compose
}

// Compose stacks layers, leftmost outermost. It keeps no reference to the slice
// and changes no layer. Without layers it only counts calls, for Close.
//
// A breaker is used in two steps: at its place it is asked whether it would
// admit a call, and behind the limiters and semaphores that directly follow it
// the call is admitted and its clock starts. So an open breaker costs no token
// and no place in a queue, and waiting in a queue of our own holds no probe. A
// call that is refused there gives its permit back, and its token where that is
// still possible: not to a limiter that has only a Wait, as a ratelimit.Batch or
// Adaptive, one for each key, or one of somebody else.
//
// It panics if a layer is nil.
func Compose(layers ...Layer) *Wrapper {
	checkLayers(layers)
	w := &Wrapper{layers: append([]Layer(nil), layers...), life: &lifecycle{}}
	var c compiler
	c.wrapper(w)
	c.finish()
	w.first = c.first
	return w
}

// Do runs fn inside the layers, on this goroutine unless a layer says
// otherwise, and returns its error or that of the layer which refused or ended
// it. After Close it returns ErrClosed.
//
// A panic or a runtime.Goexit of fn passes through untouched, and everything
// taken for the call is given back.
func (w *Wrapper) Do(ctx context.Context, fn func(context.Context) error) error {
	if fn == nil || w.first == nil {
		needsFunction("Do", fn != nil)
		needsWrapper("Do", w)
	}
	_, err := do(ctx, w.first, &work[struct{}, struct{}]{plain: fn})
	return err
}

// Do runs fn inside w and returns its result. On an error the result is the
// zero value and means nothing. If a layer runs fn several times, the result is
// that of the run whose success the layer returned.
//
// With the layers of this SDK alone it costs no allocation, but one for each
// timeout, a few where several limiters or a ratelimit.Multi or window stand one behind the
// other and something behind them may refuse, and what the second run of a hedge
// takes.
func Do[T any](ctx context.Context, w *Wrapper, fn func(context.Context) (T, error), opts ...DoOption[T]) (T, error) {
	if fn == nil || w == nil || w.first == nil {
		needsFunction("Do", fn != nil)
		needsWrapper("Do", w)
	}
	if len(opts) > 0 {
		return doWith(ctx, w, fn, opts)
	}
	if f := w.first; f.plain && ctx.Err() == nil && override(ctx) == nil {
		return straight[struct{}](ctx, f, fn, nil) // nothing else is to be known of the call
	}
	return do(ctx, w.first, &work[struct{}, T]{typed: fn})
}

// do runs w inside first and the frames in it.
func do[In, T any](ctx context.Context, first *frame, w *work[In, T]) (T, error) {
	var zero T
	if ctx.Err() != nil {
		return zero, ctxerr.Of(ctx)
	}
	if o := override(ctx); o != nil {
		ctx, first = w.overridden(ctx, o, first)
	}
	w.caller = ctx
	var v T
	var err error
	if first.plain { // run would find that too, and cost a call
		v, err = straight(ctx, first, w.bare(), w)
	} else {
		v, err = run(ctx, first, w)
	}
	if err != nil {
		v = zero
	}
	return v, err
}

// Config returns what w was made of by New; zero for Compose.
func (w *Wrapper) Config() Config { return w.config }

// Stats is a snapshot of a Wrapper.
type Stats struct {
	// Running is the number of calls inside, waiting ones included.
	Running int64
	// Closed is set by Close and Shutdown.
	Closed bool
}

// Stats returns a snapshot. It costs one load.
func (w *Wrapper) Stats() Stats {
	needsWrapper("Stats", w)
	return Stats{Running: w.life.running(), Closed: w.life.closed()}
}
