package ratelimit

// QuickToken is the short way of [Limiter.WaitToken] for code that counts
// nanoseconds and has asked its context itself: it takes a token that is there, at
// the cost of [Limiter.Allow]. False is no decision of the limiter, and is not counted
// or told: then WaitToken makes one.
func (l *Limiter) QuickToken() (Token, bool) {
	is := l.queue.issue()
	c := l.state()
	if is.void || c.fast == 0 {
		return Token{}, false
	}
	rel := l.clock.Now() - c.base
	if uint64(rel) >= c.fast { // #nosec G115 -- a negative one is large
		return Token{}, false
	}
	now := rel * c.mul
	for range 2 { // who loses a race to another processor is not sent the long way for that
		tat := c.tat.Load()
		next := max(tat, now) + c.inc
		if next-now > c.tol {
			break
		}
		if c.tat.CompareAndSwap(tat, next) {
			if l.queue.carried.Load() {
				c = nil
			}
			l.granted(1)
			return Token{c, next, is.place, is.falls}, true
		}
	}
	return Token{}, false
}
