package ratelimit

import "context"

// Token is one that [Limiter.WaitToken] took. It is a small value and costs nothing;
// nothing needs to be done with it once it is used. A copy is the same token, so
// cancel only one of them. The zero Token has nothing to give back.
type Token struct { // of four words, which is what the compiler keeps in registers
	c   *cell // nil: nothing can be given back
	end int64 // where its slot ends, in units of c
	// What was known when it was granted, as in a Reservation.
	place, falls int64
}

// WaitToken is [Limiter.Wait] that returns the token, for a caller that may yet find
// that it does not use it: where something else refuses the work, Cancel gives it
// back. It costs what Wait does. For more tokens than one see [Limiter.WaitReserve].
func (l *Limiter) WaitToken(ctx context.Context) (Token, error) {
	if is := l.queue.issue(); ctx.Err() == nil && !is.void {
		c := l.state()
		if rel := l.clock.Now() - c.base; uint64(rel) < c.fast { // #nosec G115 -- a negative one is large
			now, tat := rel*c.mul, c.tat.Load()
			if next := max(tat, now) + c.inc; next-now <= c.tol && c.tat.CompareAndSwap(tat, next) {
				if l.queue.carried.Load() {
					c = nil
				}
				l.granted(1)
				return Token{c, next, is.place, is.falls}, nil
			}
		}
	}
	r, err := l.wait(ctx, 1)
	return r.token(), err
}

// token returns the reservation, which is of one token, as one.
func (r Reservation) token() Token {
	t := Token{r.c, r.end, r.place, r.falls}
	if r.n == 0 {
		t.c = nil
	}
	return t
}

// Cancel gives the token back, exactly as far as [Reservation.Cancel] would, and
// reports whether it did. A second Cancel does nothing.
func (t *Token) Cancel() bool {
	if t.c == nil {
		return false
	}
	r := Reservation{c: t.c, end: t.end, n: 1, place: t.place, falls: t.falls}
	*t = Token{}
	return r.Cancel()
}
