package retry

import "time"

// QuantileOf returns the quantile that a policy takes of latencies in that
// order, and false if they are too few.
func QuantileOf(q float64, latencies ...time.Duration) (time.Duration, bool) {
	l := newLatencies(q)
	for _, d := range latencies {
		l.add(d)
	}
	return l.quantile()
}
