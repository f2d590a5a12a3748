package ratelimit

import "time"

// Decision is the answer to a request that does not wait, and the state of the
// bucket after it. Its times are exact, if nobody else takes tokens meanwhile.
type Decision struct {
	// OK reports whether the tokens were taken.
	OK bool
	// Limit is the burst.
	Limit int
	// Remaining is the number of whole tokens that are left.
	Remaining int
	// RetryAfter is 0 if the tokens were taken; else how long until the same
	// request would be granted, to the nanosecond: [Never] if n exceeds the burst
	// or the rate is paused.
	RetryAfter time.Duration
	// ResetAfter is how long until the bucket is full: [Never] if it is not and
	// the rate is paused.
	ResetAfter time.Duration
	// Binding tells which limiter of an [All] the decision is about, by its place
	// there; otherwise 0.
	Binding int
}

// Take is [Limiter.AllowN] with the whole answer. With n = 0 it takes nothing
// and tells the state.
func (l *Limiter) Take(n int) Decision {
	checkN(n)
	return l.taken(l.grantNow(int64(n)), int64(n))
}

// taken tells of a decision about n tokens, and what it was.
func (l *Limiter) taken(g grant, n int64) Decision {
	l.tell(g, n)
	return l.decision(g, n)
}

// TakeUpTo takes as many tokens as there are, at most n, and returns how many
// it took. It panics if n is negative.
func (l *Limiter) TakeUpTo(n int) int {
	checkN(n)
	g, got := l.someNow(int64(n))
	if !g.ok {
		l.tell(g, 1) // what the next one needs
	} else {
		l.tell(g, got)
	}
	return int(got)
}

func (l *Limiter) decision(g grant, n int64) Decision {
	return Decision{
		OK:         g.ok,
		Limit:      int(g.c.burst),
		Remaining:  int(g.c.tokens(g.tat, g.now)),
		RetryAfter: l.retryAfter(g, n),
		ResetAfter: l.until(g, g.tat),
	}
}

// retryAfter returns how long after g until n tokens are there.
func (l *Limiter) retryAfter(g grant, n int64) time.Duration {
	if g.ok {
		return 0
	}
	if n > g.c.burst && !l.cfg.debt || n > maxRoom-g.c.burst {
		return Never
	}
	return l.until(g, max(g.tat, g.now)+g.c.need(n)-g.c.tol)
}

// until returns how long after g until the time is u units.
func (l *Limiter) until(g grant, u int64) time.Duration {
	if u <= g.now {
		return 0
	}
	return delay(l.reading(g.c.time(u)), g.read)
}

// Tokens returns the tokens in the bucket, fractions included. It is negative
// while tokens are owed to those who wait or hold a reservation.
func (l *Limiter) Tokens() float64 { return l.peekNow().tokens() }

func (g grant) tokens() float64 {
	if g.c.inc == 0 {
		return float64(g.c.burst)
	}
	return float64(g.c.tol-max(g.tat-g.now, 0)) / float64(g.c.inc)
}

// Rate returns the rate.
func (l *Limiter) Rate() Rate { return l.state().rate }

// Burst returns the number of tokens that the bucket holds.
func (l *Limiter) Burst() int { return int(l.state().burst) }

// Waiting returns the number of callers in the queue.
func (l *Limiter) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.Len()
}
