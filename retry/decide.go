package retry

import (
	"context"
	"math"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// again decides after a failure, and pauses if it goes on.
func (c *Call) again(err error) bool {
	c.now.end()
	err = c.now.verdict(err, c.policy.cfg.timeout)
	events, counts := &c.policy.cfg.events, &c.policy.counts
	if delay, next := c.decide(err); next != nil {
		if events.Retry != nil {
			events.Retry(Retry{Attempt: c.number(), Err: err, Delay: delay})
		}
		if pause(c.ctx, delay) {
			counts.retries.Add(1)
			c.start(next)
			return true
		}
		c.err = c.interrupted(err)
	}
	c.policy = nil
	counts.gaveUp.Add(1)
	if events.GaveUp != nil {
		events.GaveUp(GaveUp{Attempts: c.number(), Err: c.err})
	}
	return false
}

// decide returns the next attempt and the pause before it, or sets err and
// returns no attempt. The budget is asked last: what ends the call anyway must
// not spend from it.
func (c *Call) decide(err error) (time.Duration, *attempt) {
	cfg, n := &c.policy.cfg, c.number()
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
	next := &attempt{Context: c.ctx, n: n + 1, lastErr: c.last(err)}
	delay, cause := c.delay(err, next)
	if cause == nil && cfg.budget != nil && !cfg.budget.withdraw() {
		c.policy.counts.overBudget.Add(1)
		cause = ErrBudgetSpent
	}
	if cause != nil {
		c.err = c.exhausted(err, cause)
		return 0, nil
	}
	return delay, next
}

// jitterPart of a delay that an error asks for is added to it at most: those
// who were told the same time should not all come at the same time.
const jitterPart = 10

// delay returns the pause before the next attempt, or why it cannot be made.
func (c *Call) delay(err error, next *attempt) (time.Duration, error) {
	cfg := &c.policy.cfg
	delay, asked := rejection.After(err)
	switch {
	case rejection.Is(err) && (!asked || delay > cfg.largest):
		return 0, err
	case asked:
		delay = min(delay, cfg.longest)
		next.inherit(c.now)
	default:
		var more bool
		if delay, more = c.backoff(next); !more {
			return 0, ErrBackoffStopped
		}
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

// backoff returns what the policy's own backoff says, and false if that ends the
// call.
func (c *Call) backoff(next *attempt) (time.Duration, bool) {
	cfg := &c.policy.cfg
	next.inherit(c.now)
	var delay time.Duration
	if cfg.sequence == nil {
		delay = max(cfg.backoff(next.n-1, next.delay), 0)
	} else {
		if next.sequence == nil {
			next.sequence = cfg.sequence()
		}
		if delay = next.sequence.NextBackOff(); delay < 0 {
			return 0, false
		}
	}
	next.delay = delay
	if cfg.maxDelay > 0 {
		delay = min(delay, cfg.maxDelay)
	}
	return delay, true
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
