package breaker

import (
	"math"
	"time"
	"weak"
)

const never = math.MaxInt64

// alarm is the breaker's one timer: it stands at the earliest moment at which
// something happens without a call. Nothing is due while a breaker is closed
// and idle, and then no timer runs.
type alarm struct {
	timer *time.Timer
	at    int64 // what the timer stands at; 0: it does not run
}

// nextLocked returns when something is due next, 0 for never.
func (b *Breaker) nextLocked() int64 {
	next := int64(0)
	for _, at := range [...]int64{b.openUntil, b.halfOpenUntil, b.probes.expiry(), b.rotateAt, b.flight.stepAt, b.ramp.stepAt} {
		if at != 0 && at != never && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

// armLocked sets the timer.
//
// It rings a nanosecond early: whoever sleeps until a moment that the breaker
// named finds it done, also in a testing/synctest bubble, where both would wake
// at the same instant in any order.
//
// The timer holds the breaker weakly, or else a forgotten breaker would stay in
// memory until its open time is over.
func (b *Breaker) armLocked() {
	next := b.nextLocked()
	if next == b.alarm.at {
		return
	}
	b.alarm.at = next
	if next == 0 {
		b.alarm.timer.Stop()
		return
	}
	d := time.Duration(next - 1 - b.clock.Now())
	if b.alarm.timer != nil {
		b.alarm.timer.Reset(d)
		return
	}
	ref := weak.Make(b)
	b.alarm.timer = time.AfterFunc(d, func() {
		if b := ref.Value(); b != nil {
			b.ring()
		}
	})
}

// ring does what is due. It may be late, or called for a moment that has since
// been put off: it looks at the clock alone.
func (b *Breaker) ring() {
	b.mu.Lock()
	b.alarm.at = 0
	now := b.clock.Now() + 1
	due := func(at int64) bool { return at != 0 && at <= now }
	if due(b.rotateAt) {
		b.rotateLocked(now)
	}
	if due(b.flight.stepAt) {
		b.ageLocked(now)
	}
	if due(b.ramp.stepAt) {
		b.ramp.advance(now)
	}
	if due(b.openUntil) {
		b.halfOpenLocked(now) // not openUntil: after a stall it would be over at once
	}
	for due(b.probes.expiry()) {
		b.probes.expire()
		b.expired++
		b.judgeLocked(now, ErrLeaseExpired)
	}
	if due(b.halfOpenUntil) {
		b.tripLocked(now, ErrHalfOpenTooLong)
	}
	b.unlock()
}
