package rate

import (
	"sync"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

// Reservation is events that were granted for later, or refused: see OK. It can be
// cancelled once, by whoever finds that the events will not happen. It is safe for
// concurrent use.
type Reservation struct {
	s  *state
	ok bool

	mu sync.Mutex
	r  ratelimit.Reservation // guarded by mu; the zero one after Cancel
	as ratelimit.Reservation // as it was granted
}

// Reserve is ReserveN for one event now.
func (l *Limiter) Reserve() *Reservation {
	s := l.load()
	return s.reserve(s.now(), 1)
}

// ReserveN takes the tokens of n events as of t, and tells when they may happen. It
// refuses if n exceeds the burst, or if the limit is 0 and the tokens are not there.
// It panics if n is negative.
func (l *Limiter) ReserveN(t time.Time, n int) *Reservation {
	s := l.load()
	return s.reserve(s.at(t), n)
}

func (s *state) reserve(m ratelimit.Moment, n int) *Reservation {
	if !s.fits(n) {
		return &Reservation{}
	}
	r := m.Reserve(n)
	return &Reservation{s: s, ok: r.OK(), r: r, as: r}
}

// OK reports whether the tokens were taken. If not, Delay is InfDuration and Cancel
// does nothing.
func (r *Reservation) OK() bool { return r.ok }

// Delay is DelayFrom now.
func (r *Reservation) Delay() time.Duration {
	if !r.ok {
		return InfDuration
	}
	return r.as.Delay()
}

// DelayFrom returns how long after t the events may happen: 0 if they may at t.
func (r *Reservation) DelayFrom(t time.Time) time.Duration {
	if !r.ok {
		return InfDuration
	}
	return r.s.At(r.s.stamps.mapped(t)).Delay(r.as)
}

// Cancel is CancelAt now.
func (r *Reservation) Cancel() {
	if r.ok {
		now := r.s.now()
		r.cancel(now, now.Passed(r.as))
	}
}

// CancelAt gives the tokens back as of t, as far as later reservations do not stand
// on them. It does nothing once the time of the reservation has passed, which for
// one without a delay is the next nanosecond; ratelimit.Reservation has no such rule.
func (r *Reservation) CancelAt(t time.Time) {
	if r.ok {
		r.cancel(r.s.at(t), r.s.At(r.s.stamps.mapped(t)).Passed(r.as))
	}
}

func (r *Reservation) cancel(m ratelimit.Moment, late bool) {
	if late {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Cancel(&r.r)
}
