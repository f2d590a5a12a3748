package retry

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// Call is one call under a policy, for code that cannot hand its work to
// [Policy.Do] as a function. It is the two-step form of the same loop:
//
//	call := policy.Begin(ctx)
//	defer call.End()
//	for call.Err() == nil && call.Next(work(call.Context())) {
//	}
//	return call.Err()
//
// It belongs to one goroutine, and after its first Next or [Policy.Resume] no copy
// of it may be used beside it. It holds the context of the call, which ends it.
type Call struct {
	policy *Policy         // nil once the call has ended
	ctx    context.Context // the caller's
	now    *attempt        // that runs
	err    error
	begun  int64 // by the policy's clock, if MaxElapsed is set
}

// Begin starts a call. If ctx is done, Err of the call says so, and no attempt
// must be made. Begin allocates nothing, unless the policy has an
// [AttemptTimeout] or ctx is that of a retry by another policy.
func (p *Policy) Begin(ctx context.Context) Call {
	// Small enough to be inlined, so that the Call is not copied.
	c := Call{policy: p, ctx: ctx}
	c.begin()
	return c
}

func (c *Call) begin() {
	if c.ctx.Err() != nil {
		c.policy, c.err = nil, ctxerr.Of(c.ctx)
		return
	}
	if !c.policy.ordinary || Attempt(c.ctx) != 1 {
		c.prepare()
	}
}

// prepare does what the beginning of most calls does not need.
func (c *Call) prepare() {
	c.policy.mustBeMade()
	cfg := &c.policy.cfg
	if cfg.timeout != nil || Attempt(c.ctx) != 1 {
		c.start(&attempt{Context: c.ctx, n: 1})
	}
	if cfg.maxElapsed > 0 {
		c.begun = c.policy.clock.Now()
	}
	if cfg.budget != nil {
		cfg.budget.deposit()
	}
	if calls := c.policy.counts.calls; calls != nil {
		calls.Add(1)
	}
}

// start makes a the attempt that runs.
func (c *Call) start(a *attempt) {
	if t := c.policy.cfg.timeout; t != nil {
		a.limit(t)
	}
	c.now = a
}

// Bare reports whether the first attempt of a call with ctx needs nothing of the
// policy: it can be made with ctx itself, and without a [Call] unless it fails.
// Then [Policy.Resume] goes on. For code that counts nanoseconds: it has asked ctx
// itself.
//
//	if policy.Bare(ctx) {
//		err := work(ctx)
//		if err == nil {
//			return nil
//		}
//		call, again := policy.Resume(ctx, err)
//		...
//	}
func (p *Policy) Bare(ctx context.Context) bool {
	if !p.ordinary {
		return false
	}
	_, inside := ctx.Value(attemptKey{}).(*attempt)
	return !inside
}

// Resume returns the call that [Policy.Begin] would have begun, behind a first
// attempt that returned err, and what [Call.Next] says of that: it has paused if
// another attempt is to be made. It must not be used where [Policy.Bare] is false.
func (p *Policy) Resume(ctx context.Context, err error) (call Call, again bool) {
	p.mustBeMade()
	call = Call{policy: p, ctx: ctx}
	again = call.Next(err)
	return call, again
}

// Context returns the context of the attempt to make.
func (c *Call) Context() context.Context {
	switch {
	case c.now == nil:
		return c.ctx
	case c.now.limited != nil:
		return c.now.limited
	}
	return c.now
}

// Err returns why the call must not begin, and when Next was false the error of
// the call: nil after a success.
func (c *Call) Err() error { return c.err }

// Next reports the result of an attempt. If another attempt is to be made, it
// pauses and returns true; else Err is the result of the call. It is false for
// ever once it was, or after End.
func (c *Call) Next(err error) bool {
	if err == nil && c.now == nil { // small enough to be inlined
		c.policy = nil
		return false
	}
	return c.next(err)
}

func (c *Call) next(err error) bool {
	switch {
	case c.policy == nil:
		return false
	case err != nil:
		return c.again(err)
	case c.number() > 1:
		c.policy.counts.recovered.Add(1)
	}
	c.End()
	return false
}

// End gives back what the call holds if a panic or runtime.Goexit ends it. It
// does nothing after Next was false.
func (c *Call) End() {
	c.policy = nil
	c.now.end()
}

// number returns the number of the attempt that runs.
func (c *Call) number() int {
	if c.now == nil {
		return 1
	}
	return c.now.n
}
