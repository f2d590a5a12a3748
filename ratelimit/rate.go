package ratelimit

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Rate is how many tokens a limiter gains in a time: a count and a period, kept
// as they were given, so that nothing is rounded. The zero Rate is paused: no
// token is gained. Rates are values; == tells whether two were given alike.
type Rate struct {
	count  int64
	period time.Duration // 0 with a count: Unlimited
}

// Unlimited is the rate that grants everything at once.
var Unlimited = Rate{count: 1}

// maxPerNs bounds the rate at 10^12 tokens a second.
const maxPerNs = 1000

// Number is what a count of tokens may be. A fraction is kept as the simplest
// fraction of integers that is the same float64: 0.1 is one in ten.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 |
		~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// PerSecond is n tokens a second. It panics if n is negative, NaN or infinite,
// above 10^12 a second, or so small that it is less than one in 292 years.
// With 0 the rate is paused. The same holds for its siblings.
func PerSecond[N Number](n N) Rate { return newRate("PerSecond", float64(n), time.Second) }

// PerMinute is n tokens a minute.
func PerMinute[N Number](n N) Rate { return newRate("PerMinute", float64(n), time.Minute) }

// PerHour is n tokens an hour.
func PerHour[N Number](n N) Rate { return newRate("PerHour", float64(n), time.Hour) }

// PerDay is n tokens in 24 hours.
func PerDay[N Number](n N) Rate { return newRate("PerDay", float64(n), day) }

// Per is n tokens in each period. It panics if the period is not positive.
func Per[N Number](n N, period time.Duration) Rate {
	if period <= 0 {
		panic(fmt.Sprintf("ratelimit: the period of Per must be positive, got %v", period))
	}
	return newRate("Per", float64(n), period)
}

// Every is one token in each interval. It panics if the interval is not
// positive; for no limit use [Unlimited].
func Every(interval time.Duration) Rate {
	if interval <= 0 {
		panic(fmt.Sprintf("ratelimit: the interval of Every must be positive, got %v; for no limit use Unlimited", interval))
	}
	return Rate{1, interval}
}

const day = 24 * time.Hour

func newRate(name string, n float64, period time.Duration) Rate {
	if !(n >= 0 && n/float64(period) <= maxPerNs) { // NaN fails both
		panic(fmt.Sprintf("ratelimit: %s must be between 0 and 1e12 a second, got %v; for no limit use Unlimited", name, n))
	}
	if n == 0 {
		return Rate{}
	}
	count, periods := fraction(n, math.MaxInt64/int64(period))
	if count == 0 {
		panic(fmt.Sprintf("ratelimit: %s must be 0 or at least one in 292 years, got %v", name, n))
	}
	return Rate{count, time.Duration(periods) * period}
}

// fraction returns the simplest num/den that equals x, or the nearest that the
// bounds allow: the convergents of its continued fraction.
func fraction(x float64, maxDen int64) (num, den int64) {
	const maxNum = 1 << 53
	p0, q0, p1, q1 := 0.0, 1.0, 1.0, 0.0
	for r := x; ; {
		a := math.Floor(r)
		p2, q2 := a*p1+p0, a*q1+q0
		if !(p2 <= maxNum && q2 <= float64(min(maxDen, maxNum))) {
			break
		}
		p0, q0, p1, q1 = p1, q1, p2, q2
		if p1/q1 == x {
			break
		}
		r = 1 / (r - a) // +Inf ends the loop above
	}
	return int64(p1), int64(q1)
}

// PerSecond returns the rate in tokens a second, rounded to a float64: +Inf for
// Unlimited.
func (r Rate) PerSecond() float64 {
	switch {
	case r == Unlimited:
		return math.Inf(1)
	case r.count == 0:
		return 0
	}
	return float64(r.count) * float64(time.Second) / float64(r.period)
}

// String gives the rate as it was meant: "100/s", "7.5/s", "60/min", "1/10ms",
// "unlimited", "paused".
func (r Rate) String() string {
	switch {
	case r == Unlimited:
		return "unlimited"
	case r.count == 0:
		return "paused"
	}
	for _, u := range []struct {
		period time.Duration
		name   string
	}{{day, "/day"}, {time.Hour, "/h"}, {time.Minute, "/min"}, {time.Second, "/s"}} {
		n := float64(r.count) / (float64(r.period) / float64(u.period))
		text := strconv.FormatFloat(n, 'f', -1, 64)
		if r.period == u.period || r.period%u.period == 0 && r.count > 1 && len(text) < 8 {
			return text + u.name
		}
	}
	return fmt.Sprintf("%d/%v", r.count, r.period)
}
