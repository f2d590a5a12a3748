package ratelimit

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// cell is the state of a bucket and all that a decision needs, on a cache line of
// its own. Everything but tat is fixed: SetRate, SetBurst and the end of the
// horizon freeze the cell and publish another.
//
// The state is the generic cell rate algorithm's theoretical arrival time
// (ITU-T I.371, "Traffic control and congestion control in B-ISDN"): the moment,
// in units, at which the bucket is full again. So tat - now is what is missing
// from a full bucket, and a request fits if that plus its cost is at most tol.
// A reading of the clock that is older than another is harmless: max(tat, now)
// never goes back.
type cell struct {
	tat   atomic.Int64 // frozen: another cell is about to be published
	base  int64        // the reading of the clock at which now is 0, for the fast path
	fast  uint64       // ns after base up to which the fast path may compute; 0: never
	mul   int64
	inc   int64 // cost of a token; 0: unlimited
	tol   int64 // cost of a full bucket
	burst int64

	l       *Limiter // whose it is; nil for one of Keyed
	shr     uint64
	cold    bool  // made while the warm-up went on, at whose end it must be replaced
	origin  int64 // the limiter's time at which now is 0; base but for a warm-up
	horizon int64 // the limiter's time from which on now is too large to compute with
	rate    Rate
	room    int64 // tokens that burst and debt may reach together
	next    atomic.Pointer[cell]
	// How positions here map to next, once it is set.
	from, shift int64

	_ [40]byte // to the end of its third line, so that it begins with one
}

// newCell returns a cell with a full bucket that begins at the limiter's time
// origin.
func newCell(r Rate, burst, room, origin int64) *cell {
	room = min(max(room, 2*burst), maxRoom)
	u := unitFor(r, room)
	c := &cell{
		mul: u.mul, shr: u.shr, inc: u.inc, tol: burst * u.inc,
		burst: burst, origin: origin, horizon: never, rate: r, room: room,
	}
	if ns := maxNow; u.mul > 0 {
		if ns /= u.mul; ns <= (never-max(origin, 0))>>u.shr {
			c.horizon = origin + ns<<u.shr
		}
	}
	return c
}

// quicken lets the fast path use the cell, for which the clock reads lag more
// than the limiter's time. A unit of several nanoseconds is not worth a shift there.
func (c *cell) quicken(lag int64) {
	if c.inc > 0 && c.shr == 0 {
		c.base, c.fast = c.origin+lag, uint64(c.horizon-c.origin) // #nosec G115 -- positive
	}
}

// now returns the limiter's time t, in ns, in units: 0 before the origin, and at
// most frozen however far behind the horizon it is.
func (c *cell) now(t int64) int64 {
	if t <= c.origin { // the difference could overflow: t may be of any year
		return 0
	}
	hi, lo := bits.Mul64(uint64(t-c.origin)>>c.shr, uint64(c.mul)) // #nosec G115 -- positive
	if hi > 0 {
		return frozen
	}
	return int64(min(lo, uint64(frozen))) // #nosec G115 -- at most frozen
}

// time returns the first moment, in ns of the limiter's time, at which now
// returns u or more: never if time stands still.
func (c *cell) time(u int64) int64 {
	if u <= 0 {
		return c.origin
	}
	if c.mul == 0 {
		return never
	}
	rel := (u + c.mul - 1) / c.mul
	if rel > (never-max(c.origin, 0))>>c.shr {
		return never
	}
	return c.origin + rel<<c.shr
}

// never is a moment that does not come.
const never = math.MaxInt64

// need returns what a request of n tokens must find in the bucket, and cost
// what it takes out. They differ for a debt alone.
func (c *cell) need(n int64) int64 { return min(n, c.burst) * c.inc }
func (c *cell) cost(n int64) int64 { return n * c.inc }

// tokens returns how many whole tokens the bucket holds for an arrival time, 0 in debt.
func (c *cell) tokens(tat, now int64) int64 {
	if c.inc == 0 {
		return c.burst
	}
	return max(c.tol-max(tat-now, 0), 0) / c.inc
}

// scaled converts an amount in units of c to those of d, rounded up.
func (c *cell) scaled(amount int64, d *cell) int64 {
	if c.inc == 0 || d.inc == 0 {
		return 0
	}
	if c.inc == d.inc {
		return amount
	}
	return mulDivUp(amount, d.inc, c.inc)
}

// mapped converts a position in c to one in d, which begins at c.from: debts
// keep their tokens. What had been refilled by then stays so.
func (c *cell) mapped(pos int64, d *cell) int64 {
	return max(c.scaled(max(pos-c.from, 0), d)+c.shift, 0)
}

// past converts a position that the arrival time once had. A larger burst does not
// raise it: the room that came later was not missing then, and a full bucket was full.
func (c *cell) past(pos int64, d *cell) int64 {
	return max(c.scaled(max(pos-c.from, 0), d)+min(c.shift, 0), 0)
}

// current follows a position from c to the limiter's present cell.
func (c *cell) current(pos int64, convert func(c *cell, pos int64, d *cell) int64) (*cell, int64) {
	for d := c.next.Load(); d != nil; d = c.next.Load() {
		c, pos = d, convert(c, pos, d)
	}
	return c, pos
}
