package ratelimit

import "time"

// MultiReservation is tokens of all limits of a [Multi], taken at one moment. The zero
// MultiReservation is one that was refused. A copy is the same reservation, so cancel
// only one of them. Making one allocates; Allow, Take and Wait do not.
type MultiReservation struct {
	parts []Reservation
	ok    bool
}

// Reserve takes n tokens of all limits at once if they are there now, for a caller
// that may yet give them back. It is refused if they are not, or if somebody waits,
// whom it would overtake: no limit can keep its tokens for a time at which another will
// have some, without taking them away from others until then. [Multi.Take] says when
// to ask again, and [Multi.WaitReserve] waits. It panics if n is negative.
func (m *Multi) Reserve(n int) MultiReservation {
	checkN(n)
	var r MultiReservation
	r.ok = m.take(int64(n), m.line.ahead.Load(), nil, &r).OK
	return r
}

// OK reports whether the tokens were taken.
func (r MultiReservation) OK() bool { return r.ok }

// Delay returns 0 if the tokens were taken, since then they may be used now, and
// [Never] if the reservation was refused.
func (r MultiReservation) Delay() time.Duration {
	if r.ok {
		return 0
	}
	return Never
}

// Cancel gives the tokens back to all limits, each as far as [Reservation.Cancel]
// does, and reports whether any went back. Those who wait move up. A second Cancel
// does nothing.
func (r *MultiReservation) Cancel() bool {
	back := false
	for i := range r.parts {
		back = r.parts[i].Cancel() || back
	}
	*r = MultiReservation{}
	return back
}
