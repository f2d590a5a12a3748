package breaker

import (
	"context"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// finish judges how a call of the generation gen has ended, and settles it.
func (b *Breaker) finish(ctx context.Context, c *call, gen uint32, err error) {
	if err == nil && b.cfg.classify == nil {
		b.settle(ctx, c, gen, &ending{outcome: Success})
		return
	}
	e := ending{outcome: Failure, err: err}
	defer func() { b.settle(ctx, c, gen, &e) }() // also if Classify or a method of err panics
	e.outcome = b.classify(ctx, err)
	e.wait = b.asked(&e)
}

// asked returns how long the error of a failure asks not to be called. It calls
// a method of the error, so it must not be called under the lock.
func (b *Breaker) asked(e *ending) time.Duration {
	limit := b.cfg.retryAfterMax
	if limit == 0 || e.outcome != Failure {
		return 0
	}
	wait, _ := rejection.After(e.err)
	return min(wait, limit)
}

// ending is how a call has ended.
type ending struct {
	outcome Outcome
	slow    bool
	err     error
	wait    time.Duration // that the server asked for; 0: none, or not honored
}

// settle takes an outcome into account.
func (b *Breaker) settle(ctx context.Context, c *call, gen uint32, e *ending) {
	took := time.Duration(0)
	if c.begin != unstamped {
		took = time.Duration(b.clock.Now() - c.begin)
		r := b.rules.Load()
		e.slow = r.slow.ratio > 0 && took > r.over
	}
	late, tell := b.count(c, gen, e)
	if b.counts != nil {
		b.counts.end(e.outcome, late)
	}
	if tell {
		b.tellAll()
	}
	if f := b.cfg.events.Outcome; f != nil {
		f(ctx, Call{Outcome: e.outcome, Err: e.err, Took: took, Probe: c.probe != 0, Late: late})
	}
}

// count records an outcome, under the lock only if it can change anything but
// the number of successes.
//
// The window is loaded before the word: if the word then shows the call's
// generation, the window is the one of that generation, since it was published
// before the word that the call was admitted by. An add to it cannot leak into a
// later generation.
func (b *Breaker) count(c *call, gen uint32, e *ending) (late, tell bool) {
	if e.outcome == Success && !e.slow {
		win := b.window.Load()
		w := b.word.Load()
		if w&lockedBits == 0 && genOf(w) == gen {
			if w&flagTally != 0 && win != nil {
				win.pass()
			}
			return false, false
		}
	}
	b.mu.Lock()
	late = !b.countLocked(c, gen, e)
	b.publishLocked()
	b.armLocked()
	tell = len(b.queue.waiting) > 0 && !b.queue.telling
	b.mu.Unlock()
	return late, tell
}

// countLocked records an outcome and does what follows from it. It reports
// false if the outcome counts nowhere because it came too late.
func (b *Breaker) countLocked(c *call, gen uint32, e *ending) bool {
	if uint32(b.gen) != gen { // #nosec G115 -- the word holds no more
		return false
	}
	cause := e.err
	if e.slow && e.outcome == Success {
		cause = ErrSlow
	}
	switch b.state {
	case Closed:
		b.flight.leave(c.epoch)
		if e.outcome == Ignored || b.mode == ForcedClosed {
			break
		}
		b.blameLocked(e, cause)
		r := b.rules.Load()
		b.recordLocked(r, e.outcome == Failure, e.slow)
		met, near := b.verdictLocked(r)
		b.near = met || near
		if !met {
			b.met = false
		} else if b.mayTripLocked(&b.met) {
			b.tripLocked(b.clock.Now(), b.blame)
		}
	case HalfOpen:
		o := e.outcome
		if e.slow && o == Success {
			o = Failure
		}
		if !b.probes.settle(c.probe, o) {
			return false
		}
		b.blameLocked(e, cause)
		b.judgeLocked(b.clock.Now(), cause)
	case Open: // no permit is of such a generation
	}
	return true
}

// blameLocked remembers what went wrong last, since the success of a call can
// meet a rule, too; and how long a server asked not to be called.
func (b *Breaker) blameLocked(e *ending, cause error) {
	if e.outcome == Failure || e.slow {
		b.blame = cause
	}
	if e.wait > 0 {
		b.askedUntil = later(b.clock.Now(), e.wait)
	}
}

// mayTripLocked reports whether a rule that is met opens the breaker. Where it
// does not, that is counted, and noted: once until the rule is no longer met.
func (b *Breaker) mayTripLocked(noted *bool) bool {
	if b.mode == Automatic && (b.quota == nil || b.quota.reserve()) {
		b.reserved = b.quota != nil
		return true
	}
	if !*noted {
		*noted = true
		b.suppressed++
	}
	return false
}
