package breaker

import (
	"strconv"
	"time"
)

// State is what a breaker does with calls.
type State uint8

const (
	// Closed lets every call through and watches how they end.
	Closed State = iota
	// Open refuses every call.
	Open
	// HalfOpen lets a few calls through, the probes, to learn from them whether
	// to close.
	HalfOpen
)

// String returns closed, open or half-open.
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "State(" + strconv.Itoa(int(s)) + ")"
}

// Mode is who decides about the state.
type Mode uint8

const (
	// Automatic lets the rules decide.
	Automatic Mode = iota
	// ForcedOpen is held open by [Breaker.ForceOpen].
	ForcedOpen
	// ForcedClosed is held closed by [Breaker.ForceClosed].
	ForcedClosed
	// Disabled is held closed by [Breaker.Disable], and the rules only measure.
	Disabled
)

// String returns automatic, forced-open, forced-closed or disabled.
func (m Mode) String() string {
	switch m {
	case Automatic:
		return "automatic"
	case ForcedOpen:
		return "forced-open"
	case ForcedClosed:
		return "forced-closed"
	case Disabled:
		return "disabled"
	}
	return "Mode(" + strconv.Itoa(int(m)) + ")"
}

// enterLocked makes next the state, which begins a generation: what the one
// before measured, granted and followed is void.
func (b *Breaker) enterLocked(now int64, next State, cause error) {
	from := b.state
	b.state = next
	b.gen++
	b.since = now
	b.openUntil, b.halfOpenUntil = 0, 0
	b.probes.reset()
	b.ramp.stop()
	b.flight.reset()
	b.forgetLocked()
	b.chargeLocked(from, next)
	b.queue.push(StateChange{
		From: from, To: next, Cause: cause,
		At: b.clock.Time(now), Generation: b.gen,
	})
}

// chargeLocked tells the quota of a Keyed that a key is no longer closed, or
// closed again.
func (b *Breaker) chargeLocked(from, next State) {
	q := b.quota
	if q == nil {
		return
	}
	switch {
	case from == Closed && !b.reserved:
		q.open.Add(1)
	case from != Closed && next == Closed:
		q.open.Add(-1)
	}
	b.reserved = false
}

// openLocked opens for d; for ever if d is 0.
func (b *Breaker) openLocked(now int64, cause error, d time.Duration) {
	b.cause = cause
	b.openings++
	b.enterLocked(now, Open, cause)
	b.openUntil = later(now, d)
	b.refusal.Store(&OpenError{State: Open, Cause: cause, until: b.openUntil, clock: b.clock})
}

func (b *Breaker) halfOpenLocked(now int64) {
	b.enterLocked(now, HalfOpen, b.cause)
	b.halfOpenUntil = later(now, b.cfg.halfOpenFor)
	b.refusal.Store(&OpenError{State: HalfOpen, Cause: b.cause, clock: b.clock})
}

// closeLocked closes, and begins to ramp up if that is asked for and gradual.
func (b *Breaker) closeLocked(now int64, gradual bool) {
	b.enterLocked(now, Closed, b.cause)
	b.closedAt = now
	if gradual && b.cfg.ramp > 0 {
		b.ramp.start(now, b.cfg.ramp)
		b.refusal.Store(&OpenError{State: Closed, Cause: b.cause, clock: b.clock})
	}
}

// tripLocked opens because a rule or a probe says so.
func (b *Breaker) tripLocked(now int64, cause error) {
	b.openLocked(now, cause, b.openTimeLocked(now))
}

// later returns now + d, the largest time if that overflows, and 0, which
// means never, for d = 0.
func later(now int64, d time.Duration) int64 {
	if d == 0 {
		return 0
	}
	if at := now + int64(d); at > now {
		return at
	}
	return never
}
