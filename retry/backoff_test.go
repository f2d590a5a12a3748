package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

const ms = time.Millisecond

func TestBackoffsWithoutJitter(t *testing.T) {
	tests := []struct {
		name string
		d    retry.Delays
		want []time.Duration
	}{
		{"constant", retry.Constant(5 * ms), []time.Duration{5 * ms, 5 * ms, 5 * ms}},
		{"none", retry.Constant(0), []time.Duration{0, 0, 0}},
		{"linear", retry.Linear(10*ms, 35*ms), []time.Duration{10 * ms, 20 * ms, 30 * ms, 35 * ms, 35 * ms}},
		{"linear, to a multiple", retry.Linear(10*ms, 30*ms), []time.Duration{10 * ms, 20 * ms, 30 * ms, 30 * ms}},
		{"exponential", retry.Exponential(10*ms, 70*ms), []time.Duration{10 * ms, 20 * ms, 40 * ms, 70 * ms, 70 * ms}},
		{"exponential, to a power", retry.Exponential(10*ms, 40*ms), []time.Duration{10 * ms, 20 * ms, 40 * ms, 40 * ms}},
		{"exponential, to just above a power", retry.Exponential(10, 21), []time.Duration{10, 20, 21, 21}},
		{"base is the largest", retry.Exponential(1, 1), []time.Duration{1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prev := time.Duration(0)
			for i, want := range tt.want {
				prev = tt.d(i+1, prev)
				assert.Equal(t, want, prev, "attempt %d", i+1)
			}
		})
	}
}

func TestJitterStaysInItsRangeAndReachesItsEnds(t *testing.T) {
	tests := []struct {
		name      string
		d         retry.Delays
		prev      time.Duration
		low, high time.Duration
	}{
		{"full", retry.FullJitter(retry.Constant(10)), 0, 0, 10},
		{"full, one nanosecond", retry.FullJitter(retry.Constant(1)), 0, 0, 1},
		{"full, none", retry.FullJitter(retry.Constant(0)), 0, 0, 0},
		{"equal", retry.EqualJitter(retry.Constant(10)), 0, 5, 10},
		{"equal, odd", retry.EqualJitter(retry.Constant(11)), 0, 6, 11},
		{"decorrelated, first", retry.Decorrelated(10, 100), 0, 10, 30},
		{"decorrelated, then", retry.Decorrelated(10, 100), 20, 10, 60},
		{"decorrelated, up to the largest", retry.Decorrelated(3, 11), 3, 3, 9},
		{"decorrelated, at the largest", retry.Decorrelated(10, 50), 50, 10, 50},
		{"decorrelated, base is the largest", retry.Decorrelated(10, 10), 10, 10, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 5000 {
				got := tt.d(1, tt.prev)
				seen[got] = true
				if got < tt.low || got > tt.high {
					t.Fatalf("%d is not between %d and %d", got, tt.low, tt.high)
				}
			}
			assert.True(t, seen[tt.low], "the low end")
			assert.True(t, seen[tt.high], "the high end")
		})
	}
}

func TestEveryBackoffTellsItsLargestDelay(t *testing.T) {
	second := time.Second
	for name, d := range map[string]retry.Delays{
		"constant":     retry.Constant(second),
		"linear":       retry.Linear(1, second),
		"exponential":  retry.Exponential(1, second),
		"full":         retry.FullJitter(retry.Exponential(1, second)),
		"equal":        retry.EqualJitter(retry.Linear(1, second)),
		"decorrelated": retry.Decorrelated(1, second),
		"stacked":      retry.FullJitter(retry.EqualJitter(retry.Decorrelated(1, second))),
	} {
		for _, attempt := range []int{1, 3, math.MaxInt} {
			assert.Equal(t, second, d(attempt, retry.Longest), name)
		}
	}
}

func TestExponentialDoublesAsLongAsItFits(t *testing.T) {
	d := retry.Exponential(1, math.MaxInt64)
	for doublings := range 63 {
		assert.Equal(t, time.Duration(1)<<doublings, d(doublings+1, 0))
	}
	assert.Equal(t, time.Duration(math.MaxInt64), d(64, 0))
}

// Trap 20: base * 2^n overflows, and jitter makes a delay negative.
func TestTrap20NoDelayOverflowsAtAnyAttempt(t *testing.T) {
	for _, attempt := range []int{math.MinInt, -1, 0, 1, 2, 31, 32, 33, 62, 63, 64, 65, 1000, math.MaxInt - 1, math.MaxInt} {
		checkBackoffs(t, attempt, 1, math.MaxInt64, 0)
		checkBackoffs(t, attempt, math.MaxInt64, math.MaxInt64, math.MaxInt64-1)
		checkBackoffs(t, attempt, math.MaxInt64/2, math.MaxInt64-1, math.MaxInt64/3)
		checkBackoffs(t, attempt, 50*ms, 2*time.Second, time.Second)
	}
}

func FuzzTrap20NoDelayOverflows(f *testing.F) {
	f.Add(1, int64(1), int64(1), int64(0))
	f.Add(64, int64(time.Second), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add(-5, int64(3), int64(4), int64(-1))
	f.Fuzz(func(t *testing.T, attempt int, base, largest, prev int64) {
		if base <= 0 || largest < base {
			t.Skip()
		}
		checkBackoffs(t, attempt, time.Duration(base), time.Duration(largest), time.Duration(prev))
	})
}

// checkBackoffs checks every backoff against bounds that are computed without
// its arithmetic.
func checkBackoffs(t *testing.T, attempt int, base, largest, prev time.Duration) {
	t.Helper()
	check := func(name string, d retry.Delays, low time.Duration) {
		t.Helper()
		got := d(attempt, prev)
		if got < low || got > largest {
			t.Errorf("%s(%v, %v) at attempt %d after %v: %v", name, base, largest, attempt, prev, got)
		}
	}
	check("Linear", retry.Linear(base, largest), base)
	check("Exponential", retry.Exponential(base, largest), base)
	check("Decorrelated", retry.Decorrelated(base, largest), base)
	check("FullJitter", retry.FullJitter(retry.Exponential(base, largest)), 0)
	check("EqualJitter", retry.EqualJitter(retry.Exponential(base, largest)), base/2)

	// Growing never shrinks.
	for name, d := range map[string]retry.Delays{"Linear": retry.Linear(base, largest), "Exponential": retry.Exponential(base, largest)} {
		if attempt < math.MaxInt && d(attempt+1, prev) < d(attempt, prev) {
			t.Errorf("%s(%v, %v) shrinks after attempt %d", name, base, largest, attempt)
		}
	}
}
