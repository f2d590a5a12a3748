package breaker

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the settings on one line, as in
//
//	Breaker(10 in a row or 50% of 20+ in 10s, open 5s)
//
// The trip rules come first, those of [Breaker.SetRules] included, and then the
// open time and what else differs from the default. It is for people to read,
// says nothing of the state and takes no lock. Two breakers with the same rules
// and times have the same line.
func (b *Breaker) String() string {
	b.mustBeMade()
	var s strings.Builder
	s.WriteString("Breaker(")
	s.WriteString(b.rules.Load().String())
	for _, part := range b.cfg.times() {
		s.WriteString(", ")
		s.WriteString(part)
	}
	s.WriteByte(')')
	return s.String()
}

// String names the rules, of which any opens.
func (r *rules) String() string {
	in := fmt.Sprintf(" in %v", r.window)
	if r.last > 0 {
		in = fmt.Sprintf(" in %d calls", r.last)
	}
	var any []string
	if r.consecutive > 0 {
		any = append(any, fmt.Sprintf("%d in a row", r.consecutive))
	}
	if r.rate.ratio > 0 {
		any = append(any, fmt.Sprintf("%s of %d+%s", percent(r.rate.ratio), r.rate.min, in))
	}
	if r.count > 0 {
		any = append(any, fmt.Sprintf("%d%s", r.count, in))
	}
	if r.slow.ratio > 0 {
		any = append(any, fmt.Sprintf("%s of %d+ slower than %v%s", percent(r.slow.ratio), r.slow.min, r.over, in))
	}
	if r.stuck > 0 {
		any = append(any, fmt.Sprintf("%d stuck for %v", r.stuck, r.age))
	}
	return strings.Join(any, " or ")
}

// times names the open time, and of the rest what differs from the default.
func (c *config) times() []string {
	open := fmt.Sprintf("open %v", c.openFor)
	if c.openMax > 0 {
		open += fmt.Sprintf(" to %v", c.openMax)
	}
	if c.jitter > 0 {
		open += fmt.Sprintf(" and up to %s more", percent(uint64(c.jitter*million+0.5)))
	}
	parts := []string{open}
	add := func(differs bool, format string, args ...any) {
		if differs {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(c.retryAfterMax > 0, "Retry-After to %v", c.retryAfterMax)
	add(c.probes != defaultProbes, "%d probes", c.probes)
	add(c.closeRatio != million, "closes at %s", percent(c.closeRatio))
	add(c.lease != defaultLease, "lease %v", c.lease)
	add(c.halfOpenFor > 0, "half-open %v", c.halfOpenFor)
	add(c.ramp > 0, "ramp-up %v", c.ramp)
	return parts
}

// percent writes millionths as a percentage.
func percent(millionths uint64) string {
	return strconv.FormatFloat(float64(millionths)/(million/100), 'f', -1, 64) + "%"
}
