package breaker

import (
	"context"
	"time"
)

// finish judges how a call of the generation gen has ended, and settles it.
func (b *Breaker) finish(ctx context.Context, c *call, gen uint32, err error) {
	if err == nil && b.cfg.classify == nil {
		b.settle(ctx, c, gen, Success, nil)
		return
	}
	o := Failure
	defer func() { b.settle(ctx, c, gen, o, err) }() // also if Classify panics
	o = b.classify(ctx, err)
}

// settle takes an outcome into account.
func (b *Breaker) settle(ctx context.Context, c *call, gen uint32, o Outcome, err error) {
	took, slow := time.Duration(0), false
	if c.begin != unstamped {
		took = time.Duration(b.clock.Now() - c.begin)
		r := b.rules.Load()
		slow = r.slow.ratio > 0 && took > r.over
	}
	late, tell := b.count(c, gen, o, slow, err)
	if b.counts != nil {
		b.counts.end(o, late)
	}
	if tell {
		b.tellAll()
	}
	if f := b.cfg.events.Outcome; f != nil {
		f(ctx, Call{Outcome: o, Err: err, Took: took, Probe: c.probe != 0, Late: late})
	}
}

// count records an outcome, under the lock only if it can change anything but
// the number of successes.
//
// The window is loaded before the word: if the word then shows the call's
// generation, the window is the one of that generation, since it was published
// before the word that the call was admitted by. An add to it cannot leak into a
// later generation.
func (b *Breaker) count(c *call, gen uint32, o Outcome, slow bool, err error) (late, tell bool) {
	if o == Success && !slow {
		win := b.window.Load()
		w := b.word.Load()
		if w&lockedBits == 0 && c.probe == 0 && genOf(w) == gen {
			if w&flagTally != 0 && win != nil {
				win.pass()
			}
			return false, false
		}
	}
	b.mu.Lock()
	late = !b.countLocked(c, gen, o, slow, err)
	b.publishLocked()
	b.armLocked()
	tell = len(b.queue.waiting) > 0 && !b.queue.telling
	b.mu.Unlock()
	return late, tell
}

// countLocked records an outcome and does what follows from it. It reports
// false if the outcome counts nowhere because it came too late.
func (b *Breaker) countLocked(c *call, gen uint32, o Outcome, slow bool, err error) bool {
	if uint32(b.gen) != gen { // #nosec G115 -- the word holds no more
		return false
	}
	if slow && o == Success && err == nil {
		err = ErrSlow
	}
	switch b.state {
	case Closed:
		b.flight.leave(c.epoch)
		if o == Ignored || b.mode == ForcedClosed {
			break
		}
		r := b.rules.Load()
		b.recordLocked(r, o == Failure, slow)
		met, near := b.verdictLocked(r)
		b.near = met || near
		if !met {
			b.met = false
		} else if b.mayTripLocked() {
			b.tripLocked(b.clock.Now(), err)
		}
	case HalfOpen:
		if slow && o == Success {
			o = Failure
		}
		if !b.probes.settle(c.probe, o) {
			return false
		}
		b.judgeLocked(b.clock.Now(), err)
	case Open: // no permit is of such a generation
	}
	return true
}

// mayTripLocked reports whether a rule that is met opens the breaker. Where it
// does not, that is counted once until the rule is no longer met.
func (b *Breaker) mayTripLocked() bool {
	if b.mode == Automatic && (b.cfg.quota == nil || b.cfg.quota.reserve()) {
		b.reserved = b.cfg.quota != nil
		return true
	}
	if !b.met {
		b.met = true
		b.suppressed++
	}
	return false
}
