package ratelimit

import "time"

// Reservation is tokens that are taken already and may be used after a delay.
// It is a value and costs nothing. The zero Reservation is one that was refused.
// A copy is the same reservation, so cancel only one of them.
type Reservation struct {
	l   *Limiter
	c   *cell
	end int64 // where its slot ends, in units of c
	n   int64
	due int64 // the reading of the clock from which on the tokens may be used
	ok  bool
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
func (l *Limiter) reservation(g grant, n int64) Reservation {
	return Reservation{l: l, c: g.c, end: g.tat, n: n, due: l.reading(g.time), ok: true}
}

func (l *Limiter) reserve(t, n int64) Reservation {
	g := l.grant(t, n)
	if g.ok {
		l.tell(g, n)
		return l.reservation(g, n)
	}
	r := l.promise(t, n)
	l.tell(grant{ok: r.ok, c: g.c, tat: g.tat, now: g.now, time: t}, n)
	return r
}

// promise takes n tokens that are still to come.
func (l *Limiter) promise(t, n int64) Reservation {
	var ready chain
	l.mu.Lock()
	defer func() { // no user code runs here: it only keeps the order of the two
		l.mu.Unlock()
		ready.send()
	}()
	c := l.freshLocked(t)
	now := c.now(t)
	l.serveLocked(c, now, &ready)
	if n > c.burst && !l.cfg.debt || n > maxRoom-c.burst {
		return Reservation{}
	}
	for {
		tat := c.tat.Load()
		start := max(tat, now)
		if start-now+c.cost(n) > c.room*c.inc {
			if (start-now)/c.inc+n+c.burst > maxRoom/2 {
				return Reservation{}
			}
			c = l.publishLocked(t, t, c.rate, c.burst, n)
			now = c.now(t)
			continue
		}
		due := l.reading(max(c.time(start+c.need(n)-c.tol), t))
		if due == never || l.cfg.maxWait > 0 && due-l.reading(t) > int64(l.cfg.maxWait) {
			return Reservation{}
		}
		next := start + c.cost(n)
		if c.tat.CompareAndSwap(tat, next) {
			l.queue.promised = next
			return Reservation{l: l, c: c, end: next, n: n, due: due, ok: true}
		}
	}
}

// OK reports whether the tokens were taken.
func (r Reservation) OK() bool { return r.ok }

// Delay returns how long to wait from now on before the tokens may be used; 0 if
// they may be used now, and [Never] if the reservation was refused.
func (r Reservation) Delay() time.Duration {
	if r.l == nil {
		return Never
	}
	return time.Duration(max(r.due-r.l.clock.Now(), 0))
}

// Cancel gives the tokens back, for a caller that has not used them and will
// not, and reports whether any went back. Those that the bucket would have
// gained since then anyway, because it is full again, are gone. So are as many
// as later reservations took that are not due yet: their times are promised, and
// would meet with those of newcomers. Those who wait behind it move up. A second
// Cancel does nothing.
func (r *Reservation) Cancel() bool {
	if r.l == nil || r.n == 0 {
		return false
	}
	back := r.l.refund(r, r.l.now())
	*r = Reservation{}
	return back
}

// refund gives back what is left of r at time t.
func (l *Limiter) refund(r *Reservation, t int64) bool {
	var ready chain
	l.mu.Lock()
	back := l.refundLocked(r.c, r.end, r.n, t)
	c := l.freshLocked(t)
	l.serveLocked(c, c.now(t), &ready)
	l.callLocked(&ready)
	l.mu.Unlock()
	ready.send()
	return back
}

// refundLocked gives back what is left at time t of a slot of n tokens that ends
// at end in cell c, and reports whether anything was.
//
// What may go back? Not more than the slot still delays others: if the bucket
// has been full since, nothing, and that is so unless end is in the future. And
// nothing that a later promise is built on.
func (l *Limiter) refundLocked(c *cell, end, n, t int64) bool {
	l.freshLocked(t)
	if c == nil || c.inc == 0 {
		return false
	}
	begin := end - c.cost(n)
	_, begin = c.current(begin)
	c, end = c.current(end)
	now, q := c.now(t), &l.queue
	give := min(end-begin, end-now)
	if q.holds(c, now) && q.promised > end {
		give = min(give, end-begin-(q.promised-end))
	}
	if give <= 0 || c.inc == 0 {
		return false
	}
	q.advance(give, c, now)
	if q.promised == end {
		q.promised = begin // what was promised before it cannot end later
	}
	c.tat.Add(-give)
	return true
}
