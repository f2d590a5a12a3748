package ratelimit

import "time"

// Moment is a [Limiter] as of a given time. It is for callers that stamped their
// requests when those arrived, and for simulations. Times may come in any order:
// one that is older than what the limiter has seen mints nothing.
//
// A Moment is a value and costs nothing. What waits, waits by the clock, so there
// is no Wait.
type Moment struct {
	l *Limiter
	t int64 // the limiter's time
}

// At returns the limiter as of t. Before the limiter was made, its bucket was full
// and gained nothing. From 292 years after that on, all moments are one.
func (l *Limiter) At(t time.Time) Moment {
	return Moment{l, min(l.time(l.clock.At(t)), never-1)} // a moment that comes, so that a cell can begin there
}

// Allow is [Limiter.AllowN].
func (m Moment) Allow(n int) bool {
	checkN(n)
	return m.l.allowed(m.l.grant(m.t, int64(n)), int64(n))
}

// Take is [Limiter.Take].
func (m Moment) Take(n int) Decision {
	checkN(n)
	return m.l.taken(m.l.grant(m.t, int64(n)), int64(n))
}

// Reserve is [Limiter.Reserve].
func (m Moment) Reserve(n int) Reservation {
	checkN(n)
	return m.l.reserve(m.t, int64(n))
}

// Cancel is [Reservation.Cancel].
func (m Moment) Cancel(r *Reservation) bool { return r.cancel(m.t) }

// Delay is [Reservation.Delay].
func (m Moment) Delay(r Reservation) time.Duration {
	if r.c == nil {
		return Never
	}
	return delay(r.due, m.l.reading(m.t))
}

// Tokens is [Limiter.Tokens].
func (m Moment) Tokens() float64 { return m.l.peek(m.l.reading(m.t)).tokens() }

// SetRate is [Limiter.SetRate].
func (m Moment) SetRate(r Rate) {
	m.l.set(m.t, func(c *cell) (Rate, int64) { return r, c.burst })
}

// SetBurst is [Limiter.SetBurst].
func (m Moment) SetBurst(burst int) {
	checkBurst(burst)
	m.l.set(m.t, func(c *cell) (Rate, int64) { return c.rate, int64(burst) })
}

// SetTokens is [Limiter.SetTokens].
func (m Moment) SetTokens(tokens float64) { m.l.setTokens(m.t, tokens) }

// Passed reports whether the time of a reservation lies before m: a moment later
// than the one from which on its tokens may be used.
func (m Moment) Passed(r Reservation) bool { return r.c != nil && m.l.reading(m.t) > r.due }
