package ratelimit

import "math/bits"

// ramp is a warm-up: a clock that begins at a third of its pace and reaches the
// whole, evenly, after d nanoseconds. The bucket, which follows that clock, so
// gains its tokens at the rate of the ramp and needs to know nothing of it.
type ramp struct{ d int64 }

const (
	coldFactor = 3
	maxWarmUp  = 365 * day
)

// lag is what the ramp takes away in all, and end the time at which it is over.
func (r *ramp) lag() int64 { return r.d - r.end() }
func (r *ramp) end() int64 { return r.time(r.d) }

// time returns the time that a reading of the true clock stands for: the
// integral of 1/3 + 2/3 * x/d, which is x * (d+x) / 3d.
func (r *ramp) time(reading int64) int64 {
	switch {
	case reading <= 0:
		return reading
	case reading > r.d:
		return reading - r.lag()
	}
	hi, lo := bits.Mul64(uint64(reading), uint64(r.d+reading)) // #nosec G115 -- positive
	q, _ := bits.Div64(hi, lo, uint64(coldFactor)*uint64(r.d)) // #nosec G115 -- positive
	return int64(q)                                            // #nosec G115 -- at most reading
}

// reading returns the first reading of the true clock at which it is time t.
func (r *ramp) reading(t int64) int64 {
	switch {
	case t <= 0 || t == never:
		return t
	case t > r.end():
		return t + min(r.lag(), never-t)
	}
	lo, hi := int64(0), r.d // time(lo) < t <= time(hi)
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; r.time(mid) < t {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
