package tally

import (
	"math"
	"time"
)

// Latencies counts durations in buckets whose bounds grow by a twentieth each,
// so a percentile is at most 5% too high and the memory does not grow with the
// calls. The zero value is empty. Not safe for concurrent use.
type Latencies struct {
	buckets [600]int64 // up to 10µs * 1.05^599, which is longer than a year
	total   int64
}

const (
	smallest = 10 * time.Microsecond
	growth   = 1.05
)

// Add counts d.
func (l *Latencies) Add(d time.Duration) {
	i := 0
	if d > smallest {
		i = int(math.Ceil(math.Log(float64(d)/float64(smallest)) / math.Log(growth)))
	}
	l.buckets[min(i, len(l.buckets)-1)]++
	l.total++
}

// Percentile returns a duration that p percent of those counted do not exceed,
// or 0 when none was counted.
func (l *Latencies) Percentile(p float64) time.Duration {
	need := int64(math.Ceil(float64(l.total) * p / 100))
	for i, n := range l.buckets {
		if need -= n; need <= 0 && l.total > 0 {
			return time.Duration(float64(smallest) * math.Pow(growth, float64(i)))
		}
	}
	return 0
}
