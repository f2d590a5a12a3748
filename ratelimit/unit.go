package ratelimit

import "math/bits"

// Time and tokens are counted in one unit, so that a decision is an addition
// and a comparison. The unit is chosen for the rate: so fine that one token is
// a whole number of them (or rounded up by less than a millionth), so coarse
// that the bucket and the queue fit an int64 with room to spare.
//
// Bounds, all in units. A reading of the clock stays below maxNow, a full
// bucket takes at most maxNow, and an arrival time stays below frozen. So the
// sums of a decision stay below 2^63, and a frozen cell looks like a denial.
const (
	maxNow = int64(1) << 60
	frozen = int64(1) << 62

	// MaxBurst is the largest burst: 2^38, or 256 GiB where a token is a byte.
	MaxBurst = 1 << 38

	// maxRoom bounds burst and debt together, in tokens. At that a token still
	// is 2^22 units, which bounds the error of rounding it.
	maxRoom = int64(MaxBurst) * 2

	// maxMul bounds the units in a nanosecond. At that the clock reaches maxNow
	// after 18 minutes, and the cell is rebased.
	maxMul = int64(1) << 20

	// fineInc is the cost of a token above which a finer unit gains nothing.
	fineInc = int64(1) << 30
)

// unit is the fixed-point unit of a rate: 2^shr nanoseconds are mul units, and
// a token costs inc of them.
type unit struct {
	mul int64 // 0: time stands still (paused, unlimited)
	shr uint64
	inc int64 // 0: unlimited
}

// unitFor chooses the unit for a rate where burst and debt together may reach
// room tokens. The cost of a token is rounded up: the limiter is never faster
// than its rate.
func unitFor(r Rate, room int64) unit {
	maxInc := 2 * maxNow / max(room, 2)
	switch {
	case r == Unlimited:
		return unit{}
	case r.count == 0:
		return unit{inc: min(maxInc, 1<<32)}
	}
	g := gcd(r.count, int64(r.period))
	num, den := r.count/g, int64(r.period)/g
	if num <= maxMul && den <= maxInc { // exact
		u := unit{mul: num, inc: den}
		for u.inc < maxMul && 2*u.mul <= maxMul && 2*u.inc <= maxInc {
			u.mul, u.inc = 2*u.mul, 2*u.inc
		}
		return u
	}
	u := unit{mul: 1}
	for u.inc = mulDivUp(den, 1, num); u.inc > maxInc; u.inc = mulDivUp(den>>u.shr+1, 1, num) {
		u.shr++
	}
	for u.shr == 0 && u.inc < fineInc && 2*u.mul <= maxMul && 2*u.inc <= maxInc {
		u.mul *= 2
		u.inc = mulDivUp(den, u.mul, num)
	}
	return u
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// mulDivUp returns a*b/c, rounded up, for positive b and c. A result that does
// not fit is frozen, the largest there is. For a negative a it rounds towards
// zero, which is up too.
func mulDivUp(a, b, c int64) int64 {
	if a < 0 {
		hi, lo := bits.Mul64(uint64(-a), uint64(b)) // #nosec G115 -- positive
		if hi >= uint64(c) {                        // #nosec G115 -- positive
			return -frozen
		}
		q, _ := bits.Div64(hi, lo, uint64(c)) // #nosec G115 -- positive
		return -int64(min(q, uint64(frozen))) // #nosec G115 -- at most frozen
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b)) // #nosec G115 -- positive
	if hi >= uint64(c) {                       // #nosec G115 -- positive
		return frozen
	}
	q, rem := bits.Div64(hi, lo, uint64(c)) // #nosec G115 -- positive
	if rem > 0 {
		q++
	}
	return int64(min(q, uint64(frozen))) // #nosec G115 -- at most frozen
}
