package fanout

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// run is one call over a number of items.
type run struct {
	*scope       // the context of their callbacks
	own    scope // where that is, unless the call began with a lone
	cfg    *config
	record record
	body   body
	claim  stream.Claim
}

// body runs items. some runs those from lo to hi-1 and returns the index behind
// the last that ran well: hi, or less because of [run.signals], of which the first is
// to be heeded from heed on, or the index of an item that failed and its error.
type body interface {
	some(lo, hi int, heed stream.Signal) (next int, err error)
}

type bodyFunc func(lo, hi int, heed stream.Signal) (next int, err error)

func (f bodyFunc) some(lo, hi int, heed stream.Signal) (int, error) { return f(lo, hi, heed) }

// begin prepares the run of the function f over n items.
func (r *run) begin(ctx context.Context, f function, n int, callable bool, opts []Option) {
	r.prepare(ctx, n, f.configure(ctx, n, callable, opts))
	r.record.kept = r.cfg.collected()
}

// prepare makes r a run over n items.
func (r *run) prepare(ctx context.Context, n int, cfg *config) {
	r.scope, r.cfg, r.claim.N = &r.own, cfg, n
	r.parent, r.forever = ctx, ctx.Done() == nil
}

// check panics on an argument without which nothing can be done.
func check(ctx context.Context, name string, callable bool) {
	if ctx == nil {
		panic(fmt.Sprintf("fanout: %s needs a context, got nil", name))
	}
	if !callable {
		panic(fmt.Sprintf("fanout: %s needs a function, got nil", name))
	}
}

// signals are what a body looks at before each item: whether workers are to
// return, and the caller's context, nil if that is never done. The context is asked
// itself, because a flag that is set when it ends would be set a little late.
func (r *run) signals() (*atomic.Uint32, context.Context) {
	if r.forever {
		return r.claim.Signal(), nil
	}
	return r.claim.Signal(), r.parent
}

// do runs the items by b and returns the error of the call.
func (r *run) do(b body) error {
	if err := ctxerr.Of(r.parent); err != nil {
		return err
	}
	if r.claim.N == 0 {
		return nil
	}
	if workers := r.cfg.workersFor(r.claim.N); workers > 0 {
		r.claim.Workers, r.claim.AtOnce = workers, true
	}
	return r.proceed(b)
}

// proceed is do of a run that has begun.
func (r *run) proceed(b body) error {
	r.body = b
	defer r.end()
	complete := r.claim.Run(r)
	return r.record.outcome(r.parent, complete)
}

// Range is [stream.Work].
func (r *run) Range(lo, hi int, heed stream.Signal) int {
	for lo < hi {
		next, err := r.body.some(lo, hi, heed)
		switch {
		case err == nil:
			if next < hi && r.parent.Err() != nil {
				r.claim.Stop()
			}
			return next
		case r.record.kept == nil:
			r.claim.Stop()
			r.record.fail(r.scope, next, err)
			return next
		}
		r.record.fail(r.scope, next, err)
		lo = next + 1
	}
	return lo
}

// Faulted is [stream.Work].
func (r *run) Faulted(f *fault.Fault) { r.cancel(f.Err()) }
