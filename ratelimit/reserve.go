package ratelimit

import (
	"time"

	"github.com/weirkit/weir/internal/waiting"
)

// Reservation is tokens that are taken already and may be used after a delay.
// It is a value and costs nothing. The zero Reservation is one that was refused.
// A copy is the same reservation, so cancel only one of them.
type Reservation struct {
	c   *cell // nil: refused
	end int64 // where its slot ends, in units of c
	n   int64 // tokens that may go back; 0 for none, and where a refund would pass a promise: see promises.carried
	due int64 // the reading of the clock from which on the tokens may be used; 0: at once
	// What was known when it was granted: how many tokens had been promised, its own
	// included if it is a promise itself, and how often the arrival time had gone back.
	place, falls int64
	promised     bool // it was not due when it was granted
}

// Reserve takes n tokens at once and says from when on they may be used; the
// caller waits itself. The time of a reservation is a promise: no SetRate moves
// it. It takes its place behind those who wait. It is refused, with OK false,
// if n exceeds the burst (but see [Debt]), if the rate is paused and the bucket
// does not have the tokens, or if the delay would exceed [MaxWait]. It panics if
// n is negative.
func (l *Limiter) Reserve(n int) Reservation {
	checkN(n)
	return l.reserve(l.now(), int64(n))
}

// reservation returns the one of a grant.
func (l *Limiter) reservation(g grant, n int64, is issue) Reservation {
	if is.void || l.queue.carried.Load() {
		n = 0
	}
	return Reservation{c: g.c, end: g.tat, n: n, place: is.place, falls: is.falls}
}

// issue is that of the queue at time t.
func (l *Limiter) issue(t int64) issue {
	is := l.queue.issue()
	if !is.void {
		return is
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.freshLocked(t)
	l.queue.release(c, c.now(t))
	return l.queue.issue()
}

// issueNow is issue by the clock.
func (l *Limiter) issueNow() issue {
	if is := l.queue.issue(); !is.void {
		return is
	}
	return l.issue(l.now())
}

func (l *Limiter) reserve(t, n int64) Reservation {
	is := l.issue(t)
	g := l.grant(t, n)
	if g.ok {
		l.tell(g, n)
		r := l.reservation(g, n, is)
		r.due = l.reading(t)
		return r
	}
	r := l.promise(t, n)
	l.tell(grant{ok: r.OK(), c: g.c, tat: g.tat, now: g.now, read: g.read}, n)
	return r
}

// promise takes n tokens that are still to come.
func (l *Limiter) promise(t, n int64) Reservation {
	var ready waiting.Chain
	l.mu.Lock()
	defer func() { // no user code runs here: it only keeps the order of the two
		l.mu.Unlock()
		ready.Send()
	}()
	c := l.freshLocked(t)
	l.serveLocked(c, c.now(t), &ready)
	if n > c.burst && !l.cfg.debt || n > maxRoom-c.burst {
		return Reservation{}
	}
	for {
		c, tat, ok := l.placeLocked(t, n)
		if !ok {
			return Reservation{}
		}
		now := c.now(t)
		start := max(tat, now)
		due := l.reading(max(c.time(start+c.need(n)-c.tol), t))
		if due == never || l.cfg.maxWait > 0 && delay(due, l.reading(t)) > l.cfg.maxWait {
			return Reservation{}
		}
		next := start + c.cost(n)
		if c.tat.CompareAndSwap(tat, next) {
			is := l.queue.issue()
			r := Reservation{c: c, end: next, n: n, due: due, place: is.place, falls: is.falls}
			if start+c.need(n)-c.tol > now {
				r.promised, r.place = true, l.queue.promise(c, now, start, n)
			}
			if is.void {
				r.n = 0
			}
			return r
		}
	}
}

// OK reports whether the tokens were taken.
func (r Reservation) OK() bool { return r.c != nil }

// Delay returns how long to wait from now on before the tokens may be used; 0 if
// they may be used now, and [Never] if the reservation was refused.
func (r Reservation) Delay() time.Duration {
	if r.c == nil {
		return Never
	}
	return time.Duration(max(r.due-r.c.l.clock.Now(), 0))
}

// Cancel gives the tokens back, for a caller that has not used them and will
// not, and reports whether that helps anybody by now. Those that the bucket would have
// gained since then anyway, because it is full again, are gone. As many as later
// reservations took that are not due yet stay behind: their times are promised, and
// would meet with those of newcomers. They are free when those are cancelled, too, but
// for a reservation of more tokens than are promised behind it. Where two are cancelled
// at the same moment as a third is granted, that one can give back the part alone that
// is certain. Those who wait behind it move up. A second Cancel does nothing.
func (r *Reservation) Cancel() bool {
	if r.c == nil {
		return false
	}
	return r.cancel(r.c.l.now())
}

func (r *Reservation) cancel(t int64) bool {
	if r.c == nil || r.n == 0 {
		return false
	}
	back := r.c.l.refund(r, t)
	*r = Reservation{}
	return back
}

// refund gives back what is left of r at time t.
func (l *Limiter) refund(r *Reservation, t int64) bool {
	var ready waiting.Chain
	l.mu.Lock()
	back := l.refundLocked(r, t)
	c := l.freshLocked(t)
	l.serveLocked(c, c.now(t), &ready)
	if back {
		l.callLocked(&ready)
	}
	l.mu.Unlock()
	ready.Send()
	return back
}

// refundLocked gives back what is left of r at time t and reports whether
// anything was.
//
// Not more may go back than the slot has delayed others ever since: at the worst
// moment that is what was missing from a full bucket then. It is least before a
// grant, which raises the arrival time, or after a fall of it; so at least what
// the lowest of its slot's end and of those falls is ahead of now. Nor may as much as promises took that came later and are still to come.
func (l *Limiter) refundLocked(r *Reservation, t int64) bool {
	l.freshLocked(t)
	if r.n == 0 || r.c.inc == 0 || l.cell.Load().inc == 0 {
		return false
	}
	_, begin := r.c.current(r.end-r.c.cost(r.n), (*cell).past)
	c, end := r.c.current(r.end, (*cell).past)
	now, q := c.now(t), &l.queue
	give, passed := min(end-begin, min(end, q.lowest(r.falls))-now), int64(0)
	if later := q.later(r.place); later > 0 && q.holds(c, now) {
		passed = c.cost(later) + q.span()
		give = min(give, end-begin-passed)
	}
	if r.promised && (passed == 0 || give <= 0) && q.inLine(r.place, c, now) {
		return l.vacateLocked(r, c, now)
	}
	switch {
	case give <= 0:
		return false
	case passed > 0:
		q.carried.Store(true)
	}
	q.advance(give, c, now)
	q.lower(r.falls, give)
	q.fell(c.tat.Add(-give) - passed)
	return true
}

// vacateLocked takes a promise that is not due out of the line, and reports whether
// that gave anything to anybody.
func (l *Limiter) vacateLocked(r *Reservation, c *cell, now int64) bool {
	q := &l.queue
	back, since, moved := q.vacate(r.place, r.n, c, now)
	tat := c.tat.Add(-back)
	if back > 0 {
		q.lower(since, back)
		q.fell(tat)
	}
	q.settle(tat)
	return moved
}
