package pipeline

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// Execute takes one item through all stages, one after the other on this
// goroutine, whatever their Workers and Buffers are, and returns what comes out.
// If that is not exactly one item it returns [ErrNoResult] or [ErrManyResults].
// The result beside an error means nothing.
//
// A panic or runtime.Goexit of a stage passes untouched. Execute of a pipeline
// whose stages make at most one item of one allocates nothing.
func (p *Pipeline[In, Out]) Execute(ctx context.Context, in In) (out Out, err error) {
	if ctx.Err() != nil {
		return out, ctxerr.Of(ctx)
	}
	if p.one == nil {
		return p.executeFlow(ctx, in)
	}
	v, ok, err := p.one(ctx, 0, in)
	switch {
	case err != nil:
		return out, rootCause(ctx, err)
	case !ok:
		return out, ErrNoResult
	}
	return v, nil
}

// executeFlow is Execute for stages that make many items of one.
func (p *Pipeline[In, Out]) executeFlow(ctx context.Context, in In) (out Out, err error) {
	n := 0
	var last Out
	one := func(yield func(In) bool) { yield(in) }
	err = deliver(ctx, p.flow(&run{inline: true}, 0, source(one)), func(v Out) bool {
		n++
		last = v
		return n < 2
	})
	switch {
	case err != nil:
		return out, err
	case n == 0:
		return out, ErrNoResult
	case n > 1:
		return out, ErrManyResults
	}
	return last, nil
}
