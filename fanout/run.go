package fanout

import (
	"context"
	"fmt"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// run is one call over a number of items. It is the context of their callbacks.
type run struct {
	scope
	cfg    config
	record record
	n      int
	body   func(lo, hi int) (next int, err error)
	claim  stream.Claim
}

// begin makes the run of a call over n items. name is that of the function, for
// what is wrong with its arguments.
func begin(ctx context.Context, name string, n int, callable bool, opts []Option) *run {
	check(ctx, name, callable)
	r := &run{n: n}
	r.parent, r.record.parent = ctx, ctx
	for _, o := range opts {
		o.apply(&r.cfg)
	}
	r.record.keep = r.cfg.keep
	r.cfg.begin(n)
	return r
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

// stopped reports whether no further item may begin. It is asked before each.
// The caller's context is asked itself, because a flag that is set when it ends
// would be set a little late.
func (r *run) stopped() bool { return r.claim.Stopped() || r.parent.Err() != nil }

// do runs the items and returns the error of the call. body runs the items lo to
// hi-1 and returns the index behind the last that ran well: hi, or less because
// of stopped, or the index of an item and its error.
func (r *run) do(body func(lo, hi int) (next int, err error)) error {
	if err := ctxerr.Of(r.parent); err != nil {
		return err
	}
	if r.n == 0 {
		return nil
	}
	r.body = body
	switch {
	case r.n < r.cfg.threshold:
		r.claim.Workers = 1
	case r.cfg.workers > 0:
		r.claim.Workers, r.claim.AtOnce = r.cfg.workers, true
	}
	defer r.end()
	complete := r.claim.Run(r.n, r)
	return r.record.outcome(complete)
}

// Range is [stream.Work].
func (r *run) Range(lo, hi int) bool {
	for lo < hi {
		next, err := r.body(lo, hi)
		if err == nil {
			return next == hi
		}
		first := r.record.add(next, err)
		if r.cfg.keep == 0 {
			r.claim.Stop()
			if first != nil {
				r.cancel(first)
			}
			return false
		}
		lo = next + 1
	}
	return true
}

// Faulted is [stream.Work].
func (r *run) Faulted(f *fault.Fault) { r.cancel(f.Err()) }
