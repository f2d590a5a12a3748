package breaker

import (
	"math/rand/v2"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// openTimeLocked returns how long to stay open, for an opening that a rule or a
// probe decided.
//
// A growing time starts over once the breaker was closed, in between, for at
// least as long as it had been open: openings that follow each other faster are
// one outage.
func (b *Breaker) openTimeLocked(now int64, cause error) time.Duration {
	if b.state == Closed && now-b.closedAt >= int64(b.openFor) {
		b.streak = 0
	}
	d := b.cfg.openFor
	if b.cfg.openMax > 0 {
		for range min(b.streak, 62) {
			if d >= b.cfg.openMax/2 {
				d = b.cfg.openMax
				break
			}
			d *= 2
		}
	}
	b.streak++
	if asked, known := rejection.After(cause); known && b.cfg.retryAfterMax > 0 {
		d = min(asked, b.cfg.retryAfterMax)
	}
	b.openFor = d
	return d + b.jitter(d)
}

// jitter returns a random part of d, at most the share that OpenJitter allows.
func (b *Breaker) jitter(d time.Duration) time.Duration {
	if b.cfg.jitter == 0 {
		return 0
	}
	most := int64(min(float64(d)*b.cfg.jitter, 1<<62))
	return time.Duration(rand.Int64N(most + 1)) // #nosec G404 -- spreads load, guards nothing
}
