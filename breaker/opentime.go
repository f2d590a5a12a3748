package breaker

import (
	"math/rand/v2"
	"time"
)

// openTimeLocked returns how long to stay open, for an opening that a rule or a
// probe decided.
//
// A growing time starts over once the breaker was closed, in between, for at
// least as long as it had been open (see healLocked): openings that follow each
// other faster are one outage.
func (b *Breaker) openTimeLocked(now int64) time.Duration {
	b.healLocked(now)
	d := b.cfg.openFor
	if b.cfg.openMax > 0 {
		for range b.streak {
			if d >= b.cfg.openMax/2 {
				d = b.cfg.openMax
				break
			}
			d *= 2
		}
	}
	b.streak++
	if b.askedUntil > now {
		d = time.Duration(b.askedUntil - now)
	}
	b.openFor = d
	return d + b.jitter(d)
}

// healLocked ends an outage if the breaker, which is about to open, was closed
// for long enough. Also an opening by force has to ask: after it the breaker is
// half-open, and how long it was closed before is forgotten.
func (b *Breaker) healLocked(now int64) {
	if b.state == Closed && now-b.closedAt >= int64(b.openFor) {
		b.streak = 0
	}
}

// jitter returns a random part of d, at most the share that OpenJitter allows.
func (b *Breaker) jitter(d time.Duration) time.Duration {
	if b.cfg.jitter == 0 {
		return 0
	}
	most := int64(min(float64(d)*b.cfg.jitter, 1<<62))
	return time.Duration(rand.Int64N(most + 1)) // #nosec G404 -- spreads load, guards nothing
}
