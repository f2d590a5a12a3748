package ratelimit

import "runtime"

// grant is the outcome of a decision and the bucket that it left.
type grant struct {
	ok   bool
	c    *cell
	tat  int64 // after the grant, or what forbade it
	now  int64 // the time of the decision, in units
	read int64 // the reading of the clock then
}

// now returns the limiter's time: the reading of its clock, less what a warm-up
// takes away.
func (l *Limiter) now() int64 { return l.time(l.clock.Now()) }

func (l *Limiter) time(reading int64) int64 {
	if l.cfg.ramp != nil {
		return l.cfg.ramp.time(reading)
	}
	return reading
}

// reading returns the first reading of the clock at which the limiter's time
// has come to t.
func (l *Limiter) reading(t int64) int64 {
	if l.cfg.ramp != nil {
		return l.cfg.ramp.reading(t)
	}
	return t
}

// grant takes n tokens at time t if they are there.
func (l *Limiter) grant(t, n int64) grant {
	for tries := 0; ; tries++ {
		c := l.state()
		if g, decided := l.attempt(c, c.tat.Load(), t, n); decided {
			g.read = l.reading(t)
			return g
		}
		backOff(tries)
	}
}

// grantNow is grant by the clock.
//
// To refuse, it must have read the clock after the arrival time, so that no grant
// that it knows of is later than itself. The other way round, who read the clock and
// was overtaken by somebody who read it later would find the tokens of the time
// between missing, and be refused the last one of a bucket that holds it.
//
// To grant, it reads the arrival time behind the clock, once more: that takes as long
// as everything else together, and whoever else takes a token in the meantime would
// make the compare-and-swap fail. Two busy processors so grant twice as often.
func (l *Limiter) grantNow(n int64) grant {
	for tries := 0; ; tries++ {
		c := l.state()
		seen := c.tat.Load()
		reading := l.clock.Now()
		tat := c.tat.Load()
		if g, decided := l.attempt(c, tat, l.time(reading), n); decided && (g.ok || tat == seen) {
			g.read = reading
			return g
		}
		backOff(tries)
	}
}

// attempt decides about n tokens at time t for the state of a cell that was read
// before, and reports false if there was no decision: the state has changed, or
// had to be. The reading is for the caller to note.
func (l *Limiter) attempt(c *cell, tat, t, n int64) (grant, bool) {
	if l.stale(c, t) {
		l.rebase(t)
		return grant{}, false
	}
	now := c.now(t)
	switch start := max(tat, now); {
	case tat == frozen:
	case n == 0 || c.inc == 0:
		return grant{true, c, tat, now, t}, true
	case n > c.burst && !l.cfg.debt, n > maxRoom-c.burst, start+c.need(n)-now > c.tol:
		return grant{false, c, tat, now, t}, true
	case n > c.room-c.burst:
		l.widen(t, n)
	case c.tat.CompareAndSwap(tat, start+c.cost(n)):
		return grant{true, c, start + c.cost(n), now, t}, true
	}
	return grant{}, false
}

// someNow takes up to n tokens, as many as are there.
func (l *Limiter) someNow(n int64) (g grant, got int64) {
	for tries := 0; ; tries++ {
		c := l.state()
		tat := c.tat.Load()
		reading := l.clock.Now() // after the arrival time: see grantNow
		t := l.time(reading)
		if l.stale(c, t) {
			l.rebase(t)
			continue
		}
		now := c.now(t)
		if tat != frozen {
			if c.inc == 0 {
				return grant{true, c, tat, now, reading}, n
			}
			got = min(n, c.tokens(tat, now))
			if got == 0 {
				return grant{n == 0, c, tat, now, reading}, 0
			}
			next := max(tat, now) + c.cost(got)
			if c.tat.CompareAndSwap(tat, next) {
				return grant{true, c, next, now, reading}, got
			}
		}
		backOff(tries)
	}
}

// peek returns the bucket at a reading of the clock and takes nothing.
func (l *Limiter) peek(reading int64) grant {
	return l.bucket(func() int64 { return reading })
}

// peekNow is peek by the clock.
func (l *Limiter) peekNow() grant { return l.bucket(l.clock.Now) }

func (l *Limiter) bucket(read func() int64) grant {
	for tries := 0; ; tries++ {
		c := l.state()
		if tat := c.tat.Load(); tat != frozen {
			reading := read() // after the arrival time: see grantNow
			return grant{true, c, tat, c.now(l.time(reading)), reading}
		}
		backOff(tries)
	}
}

// backOff lets another go ahead: who holds the mutex and is about to publish a
// cell, or who keeps winning the compare-and-swap.
func backOff(tries int) {
	if tries > 1 {
		runtime.Gosched()
	}
}

// stale reports whether c must be replaced before a decision at time t: it is
// at its horizon, or its warm-up is over.
func (l *Limiter) stale(c *cell, t int64) bool {
	return t >= c.horizon || c.cold && t >= l.cfg.ramp.end()
}

// rebase replaces a stale cell by one that begins at t.
func (l *Limiter) rebase(t int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.freshLocked(t)
}

// widen replaces a cell that has no room for n more tokens of debt by one with
// a coarser unit.
func (l *Limiter) widen(t, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.cell.Load(); n > c.room-c.burst {
		l.publishLocked(t, t, c.rate, c.burst, n)
	}
}

// freshLocked returns the cell, replaced if it is stale at time t.
func (l *Limiter) freshLocked(t int64) *cell {
	c := l.cell.Load()
	if l.stale(c, t) {
		c = l.publishLocked(t, t, c.rate, c.burst, 0)
	}
	return c
}

// publishLocked replaces the cell at time t by one with the same tokens, another
// rate or burst, and room for n more. Until its origin, time stands still in it.
// No grant is lost or made twice: once the old cell is frozen, all who come wait
// for the new one.
func (l *Limiter) publishLocked(t, origin int64, r Rate, burst, n int64) *cell {
	old := l.cell.Load()
	tat := old.tat.Swap(frozen)
	old.from = old.now(t)
	debt := max(tat-old.from, 0)

	room := burst + n
	if old.inc > 0 {
		room += (debt+old.inc-1)/old.inc + max(burst-old.burst, 0)
	}
	c := newCell(r, burst, 2*room, max(origin, old.origin))
	if old.inc > 0 {
		// The tokens stay, so what is missing from a full bucket changes.
		old.shift = (burst - old.burst) * c.inc
	}
	c.tat.Store(l.queue.move(old, c, tat))
	l.own(c)
	old.next.Store(c)
	l.cell.Store(c)
	return c
}

// own makes a new cell one of l, which is about to publish it.
func (l *Limiter) own(c *cell) {
	c.l = l
	switch ramp := l.cfg.ramp; {
	case ramp != nil && c.origin < ramp.end():
		c.cold = c.inc > 0
	case ramp != nil:
		c.quicken(ramp.lag())
	default:
		c.quicken(0)
	}
}
