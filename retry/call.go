package retry

import (
	"context"
	"math"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/rejection"
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
// It belongs to one goroutine and must not be copied after its first Next. It
// holds the context of the call, which ends it.
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
	if c.policy.special || Attempt(c.ctx) != 1 {
		c.prepare()
	}
}

// prepare does what the beginning of most calls does not need.
func (c *Call) prepare() {
	cfg := &c.policy.cfg
	if cfg.attemptTimeout > 0 || Attempt(c.ctx) != 1 {
		c.start(&attempt{Context: c.ctx, n: 1})
	}
	if cfg.maxElapsed > 0 {
		c.begun = c.policy.clock.Now()
	}
	if cfg.budget != nil {
		cfg.budget.deposit()
	}
}

// start makes a the attempt that runs.
func (c *Call) start(a *attempt) {
	if d := c.policy.cfg.attemptTimeout; d > 0 {
		a.limit(d)
	}
	c.now = a
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
	if err == nil {
		c.End()
	}
	return c.policy != nil && c.again(err)
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

// again decides after a failure, and pauses if it goes on.
func (c *Call) again(err error) bool {
	c.now.end()
	err = c.now.verdict(err)
	events := &c.policy.cfg.events
	if delay, next := c.decide(err); next != nil {
		if events.Retry != nil {
			events.Retry(Retry{Attempt: c.number(), Err: err, Delay: delay})
		}
		if pause(c.ctx, delay) {
			c.start(next)
			return true
		}
		c.err = c.interrupted(err)
	}
	c.policy = nil
	if events.GaveUp != nil {
		events.GaveUp(GaveUp{Attempts: c.number(), Err: c.err})
	}
	return false
}

// decide returns the next attempt and the pause before it, or sets err and
// returns no attempt.
func (c *Call) decide(err error) (time.Duration, *attempt) {
	cfg, n := &c.policy.cfg, c.number()
	refused := rejection.Is(err)
	switch {
	case isPermanent(err):
		c.err = c.final(err)
	case c.ctx.Err() != nil:
		c.err = c.interrupted(err)
	case cfg.retryIf != nil && !cfg.retryIf(err):
		c.err = c.final(err)
	case n > cfg.maxRetries:
		c.err = c.exhausted(err, nil)
	}
	if c.err != nil {
		return 0, nil
	}

	next := &attempt{Context: c.ctx, n: n + 1}
	delay, cause := c.delay(err, refused, next)
	switch {
	case cause != nil:
	case cfg.budget != nil && !cfg.budget.withdraw():
		cause = ErrBudgetSpent
	default:
		next.lastErr = c.last(err)
		return delay, next
	}
	c.err = c.exhausted(err, cause)
	return 0, nil
}

// jitterPart of a delay that an error asks for is added to it at most: those
// who were told the same time should not all come at the same time.
const jitterPart = 10

// delay returns the pause before the next attempt, or why it cannot be made.
func (c *Call) delay(err error, refused bool, next *attempt) (time.Duration, error) {
	cfg := &c.policy.cfg
	delay, asked := rejection.After(err)
	switch {
	case refused && (!asked || delay > cfg.largest):
		return 0, err
	case asked:
		delay = min(delay, cfg.longest)
	default:
		prev := time.Duration(0)
		if c.now != nil {
			prev = c.now.delay
		}
		delay = max(cfg.backoff(next.n-1, prev), 0)
		if cfg.maxDelay > 0 {
			delay = min(delay, cfg.maxDelay)
		}
		next.delay = delay
	}
	room, cause := c.room()
	if delay > room {
		return 0, cause
	}
	if asked {
		delay += between(0, min(delay/jitterPart, room-delay))
	}
	return delay, nil
}

// room returns the longest pause that there is time for, and the error of a
// longer one.
func (c *Call) room() (time.Duration, error) {
	room, cause := time.Duration(math.MaxInt64), error(nil)
	if at, ok := c.ctx.Deadline(); ok {
		// As package context does it: a deadline may be wall time alone. A pause
		// that ends at the deadline ends too late.
		room, cause = time.Until(at)-1, ErrWouldExceedDeadline
	}
	if d := c.policy.cfg.maxElapsed; d > 0 {
		if left := d - time.Duration(c.policy.clock.Now()-c.begun); left < room {
			room, cause = left, ErrMaxElapsed
		}
	}
	return room, cause
}

// pause waits for d, and reports false if ctx ended before or by then.
func pause(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
