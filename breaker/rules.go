package breaker

import "time"

// rules are what opens a breaker, each met on its own. They are immutable.
type rules struct {
	given       bool // at least one trip rule was given
	consecutive int
	count       int
	rate, slow  rate
	over        time.Duration // what is slow
	window      time.Duration // 0: default
	last        int           // 0: time window
	stuck       int
	age         time.Duration
}

// rate is a share of the calls, in millionths, once there are at least min.
type rate struct{ ratio, min uint64 }

const million = 1_000_000

// met reports whether n of the calls are at least the share. Counts are far
// below 2^44, so the products fit.
func (r rate) met(n, calls uint64) bool { return r.ratio > 0 && n*million >= r.ratio*calls }

// tallies reports whether the rules count successes in a time window.
func (r *rules) tallies() bool { return r.last == 0 && (r.rate.ratio > 0 || r.slow.ratio > 0) }

// windowed reports whether a rule looks at a window.
func (r *rules) windowed() bool { return r.count > 0 || r.rate.ratio > 0 || r.slow.ratio > 0 }

// measuredLocked returns what is in the window.
func (b *Breaker) measuredLocked() tally {
	switch w := b.window.Load(); {
	case b.last != nil:
		return b.last.tally
	case w != nil:
		return w.sum()
	}
	return tally{}
}

// recordLocked counts an outcome of this generation.
func (b *Breaker) recordLocked(r *rules, failed, slow bool) {
	if failed {
		b.inRow++
	} else {
		b.inRow = 0
	}
	if !r.windowed() {
		return
	}
	if b.last != nil {
		b.last.add(failed, slow)
		return
	}
	if !failed && !r.tallies() {
		return
	}
	w := b.window.Load()
	if b.rotateAt == 0 { // it was empty, but for an add that came too late
		w.clear()
		b.rotateAt = b.clock.Now() + w.step
	}
	w.current().add(failed, slow)
}

// verdictLocked reports whether a rule is met, but for those of calls in
// flight. A rate that is met but has seen too few calls is near: then even a
// success can meet the rule.
func (b *Breaker) verdictLocked(r *rules) (met, near bool) {
	if r.consecutive > 0 && b.inRow >= r.consecutive {
		return true, false
	}
	if !r.windowed() {
		return false, false
	}
	t := b.measuredLocked()
	if r.count > 0 && t.failed >= uint64(r.count) { // #nosec G115 -- positive
		return true, false
	}
	for _, c := range [...]struct {
		rate
		n uint64
	}{{r.rate, t.failed}, {r.slow, t.slow}} {
		if c.n > 0 && c.met(c.n, t.calls) {
			if t.calls >= c.min {
				return true, false
			}
			near = true
		}
	}
	return false, near
}

// watchLocked reports whether a success has to be recorded under the lock.
func (b *Breaker) watchLocked(r *rules) bool {
	if r.consecutive > 0 && b.inRow > 0 {
		return true
	}
	if !r.windowed() {
		return false
	}
	if b.last != nil {
		return !b.last.settled()
	}
	return b.near || b.rotateAt == 0 && r.tallies()
}

// forgetLocked drops all measurements.
func (b *Breaker) forgetLocked() {
	b.inRow, b.near, b.met = 0, false, false
	b.rotateAt, b.askedUntil, b.blame = 0, 0, nil
	b.last = nil
	b.window.Store(nil)
	r := b.rules.Load()
	if b.state != Closed || !r.windowed() {
		return
	}
	if r.last > 0 {
		b.last = newLastN(r.last)
		return
	}
	b.window.Store(newWindow(r.window))
}
