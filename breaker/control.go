package breaker

import "fmt"

// ForceOpen opens the breaker and holds it open: it refuses every call and
// never heals by itself. [Breaker.Resume], [Breaker.ForceClosed],
// [Breaker.Disable] and [Breaker.Reset] end that. Rejections carry cause, which
// may be nil, and an unknown RetryAfter.
func (b *Breaker) ForceOpen(cause error) {
	b.lock()
	b.mode = ForcedOpen
	if b.state != Open {
		now := b.clock.Now()
		b.healLocked(now)
		b.openLocked(now, cause, 0)
	} else { // not a change of state
		b.cause, b.openUntil = cause, 0
		b.refusal.Store(&OpenError{State: Open, Cause: cause, clock: b.clock})
	}
	b.unlock()
}

// ForceClosed closes the breaker and holds it closed: it admits every call and
// records none, until [Breaker.Resume], [Breaker.ForceOpen], [Breaker.Disable]
// or [Breaker.Reset].
func (b *Breaker) ForceClosed() {
	b.lock()
	b.holdClosedLocked(ForcedClosed)
	b.forgetLocked()
	b.flight.reset()
	b.unlock()
}

// Disable closes the breaker and holds it closed like ForceClosed, but the
// rules go on measuring: Stats shows what they see, and Stats.Suppressed how
// often they would have opened the breaker. It is a way to try out rules.
func (b *Breaker) Disable() {
	b.lock()
	b.holdClosedLocked(Disabled)
	b.unlock()
}

// holdClosedLocked closes at once, without a ramp.
func (b *Breaker) holdClosedLocked(m Mode) {
	b.mode = m
	if b.state != Closed {
		b.closeLocked(b.clock.Now(), false)
	}
	b.ramp.stop()
}

// Resume lets the rules decide again. A breaker that was forced open becomes
// half-open, so that probes decide; one that was held closed stays closed, with
// what it has measured. Where nothing was forced, Resume does nothing.
func (b *Breaker) Resume() {
	b.lock()
	forcedOpen := b.mode == ForcedOpen
	b.mode = Automatic
	if forcedOpen {
		b.halfOpenLocked(b.clock.Now())
	}
	b.unlock()
}

// Reset closes the breaker, lets the rules decide, and forgets all that was
// measured and how long it was open. Calls that began in the closed state and
// still run count when they end, if the breaker was closed; the counts of Stats
// go on.
func (b *Breaker) Reset() {
	b.lock()
	b.holdClosedLocked(Automatic)
	b.forgetLocked()
	b.streak, b.openFor = 0, 0
	b.unlock()
}

// SetRules replaces the trip rules and the window, and begins to measure anew;
// the state stays. What is not given is as in [New]. It panics if the rules
// contradict each other.
func (b *Breaker) SetRules(list ...Rule) {
	var c config
	for i, r := range list {
		if r == nil {
			panic(fmt.Sprintf("breaker: a rule must not be nil, number %d is; leave it out", i))
		}
		r.apply(&c)
	}
	c.rules.complete()
	b.lock()
	b.rules.Store(&c.rules)
	b.flight.reset()
	b.forgetLocked()
	b.unlock()
}
