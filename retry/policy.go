package retry

import (
	"context"

	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/stripe"
)

// Policy says when and how often failed work is tried again. Make it with
// [New]; the zero value is not usable, and it must not be copied. It never
// changes, and is safe for concurrent use: one policy serves every call in the
// program.
//
// It is a layer: anything with its Do method can be stacked by package wrapper.
//
// Cost: a call that succeeds at once allocates nothing and takes a few
// nanoseconds. A retry costs its timer and one small object.
type Policy struct {
	// ordinary: the beginning of a call has nothing to do but to ask the context.
	// That is false for a zero value, so that the fast path need not ask for one.
	ordinary bool
	cfg      config
	clock    mono.Clock
	counts   counts
}

// New returns a policy. Without options it makes up to 3 retries, 4 attempts in
// all, and pauses before them for a random part of 100 ms, 200 ms and 400 ms.
func New(opts ...Option) *Policy {
	p := &Policy{cfg: newConfig(opts), clock: mono.New()}
	p.ordinary = p.cfg.ordinary()
	if p.cfg.counted {
		p.counts.calls = stripe.New()
	}
	if h := p.cfg.hedge; h != nil {
		p.cfg.hedge = h.of(p)
	}
	return p
}

// Do runs fn on this goroutine until it succeeds or the policy has enough, and
// returns
//
//   - nil if an attempt did,
//   - the error of ctx if it was done before: then fn did not run,
//   - the error of fn as it is, if it is one that must not be retried:
//     [Permanent], one that [If] refuses, a rejection, or the end of ctx,
//   - else an [*ExhaustedError], with the last error and what ended the call.
//
// fn gets a context that [Attempt] understands. A panic or runtime.Goexit of fn
// passes through untouched and is not retried. A policy with [Hedge] may run fn
// on a second goroutine too. Do panics if fn is nil.
func (p *Policy) Do(ctx context.Context, fn func(context.Context) error) error {
	if fn == nil || p.unusual(ctx) {
		return p.loop(ctx, fn)
	}
	// The same loop, entered behind a first attempt for which Begin would do
	// nothing: a call that succeeds at once does not pay for a Call and a defer.
	err := fn(ctx)
	if err == nil {
		return nil
	}
	call := Call{policy: p, ctx: ctx}
	for call.next(err) {
		err = fn(call.Context())
	}
	return call.err
}

// unusual reports whether the beginning of a call has anything to do.
func (p *Policy) unusual(ctx context.Context) bool {
	return !p.ordinary || ctx.Err() != nil || Attempt(ctx) != 1
}

func (p *Policy) loop(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	call := p.Begin(ctx)
	defer call.End()
	for call.err == nil && call.Next(call.attempt(fn)) {
	}
	return call.err
}

// attempt runs fn once, or twice where the policy hedges.
func (c *Call) attempt(fn func(context.Context) error) error {
	if c.policy.cfg.hedge != nil {
		return c.race(fn)
	}
	return fn(c.Context())
}

// mustBeMade panics on a zero value.
func (p *Policy) mustBeMade() {
	if p.cfg.backoff == nil {
		panic("retry: the zero Policy is not usable, make one with New")
	}
}

// Hedged reports whether Do may run its function twice at once, see [Hedge].
func (p *Policy) Hedged() bool { return p.cfg.hedge != nil }

func mustHave(fn bool) {
	if !fn {
		panic("retry: fn must not be nil")
	}
}
