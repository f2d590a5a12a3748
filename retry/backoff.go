package retry

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Delays is a backoff: it returns the pause before a retry. attempt is the
// number of the attempt that failed, from 1, and prev what the function
// returned for the attempt before it, 0 at the first. It must be pure, or at
// least safe for concurrent use: a policy and all its callers share it. A
// negative result means no pause.
//
// A policy without [MaxDelay] asks once, when it is made, with prev = [Longest]
// for the largest delay that the function may return. Those of this package
// answer that; of one that draws at random give the bound by MaxDelay.
type Delays func(attempt int, prev time.Duration) time.Duration

// Longest is a prev that no real delay equals: it asks for the largest delay.
const Longest = time.Duration(math.MaxInt64)

// Constant always pauses for d. 0 means no pause.
func Constant(d time.Duration) Delays {
	if d < 0 {
		panic(fmt.Sprintf("retry: the delay of Constant must be at least 0, got %v", d))
	}
	return func(int, time.Duration) time.Duration { return d }
}

// Linear pauses for step, then 2*step, 3*step and so on, at most for largest.
func Linear(step, largest time.Duration) Delays {
	checkGrowth("Linear", "step", step, largest)
	return func(attempt int, prev time.Duration) time.Duration {
		if prev == Longest || int64(attempt) > int64(largest/step) {
			return largest
		}
		return step * time.Duration(max(attempt, 1))
	}
}

// Exponential pauses for base, then twice as long each time, at most for
// largest.
func Exponential(base, largest time.Duration) Delays {
	checkGrowth("Exponential", "base", base, largest)
	return func(attempt int, prev time.Duration) time.Duration {
		doublings := max(attempt, 1) - 1
		// Shifting largest down cannot overflow where shifting base up can.
		if prev == Longest || doublings > 62 || base > largest>>doublings {
			return largest
		}
		return base << doublings
	}
}

// FullJitter pauses for a random part of what d says: anything from 0 to all of
// it. It spreads a crowd of callers best. See "Exponential Backoff And Jitter",
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
func FullJitter(d Delays) Delays {
	checkDelays("FullJitter", d)
	return func(attempt int, prev time.Duration) time.Duration {
		delay := d(attempt, prev)
		if prev == Longest {
			return delay
		}
		return between(0, delay)
	}
}

// EqualJitter pauses for half of what d says and a random part of the other
// half.
func EqualJitter(d Delays) Delays {
	checkDelays("EqualJitter", d)
	return func(attempt int, prev time.Duration) time.Duration {
		delay := d(attempt, prev)
		if prev == Longest {
			return delay
		}
		return between(delay-delay/2, delay)
	}
}

// Decorrelated pauses for a random time between base and three times the delay
// before, at most for largest. The first is between base and three times base.
func Decorrelated(base, largest time.Duration) Delays {
	checkGrowth("Decorrelated", "base", base, largest)
	return func(_ int, prev time.Duration) time.Duration {
		if prev == Longest {
			return largest
		}
		top := largest
		if p := max(prev, base); p <= largest/3 {
			top = 3 * p
		}
		return between(base, top)
	}
}

// between returns a random duration from low to high, both included. A range
// that is empty or below 0 gives 0 or more.
func between(low, high time.Duration) time.Duration {
	low = max(low, 0)
	if high <= low {
		return max(high, 0)
	}
	// In uint64, because high - low + 1 may be one more than an int64 holds.
	span := uint64(high-low) + 1                   // #nosec G115 -- high > low
	return low + time.Duration(rand.Uint64N(span)) // #nosec G115 G404 -- below span, which fits; spreads load, guards nothing
}

func checkGrowth(name, first string, d, largest time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("retry: the %s of %s must be positive, got %v; Constant(0) makes no pause", first, name, d))
	}
	if largest < d {
		panic(fmt.Sprintf("retry: the largest delay of %s must be at least its %s %v, got %v", name, first, d, largest))
	}
}

func checkDelays(name string, d Delays) {
	if d == nil {
		panic(fmt.Sprintf("retry: %s needs a Delays, got nil", name))
	}
}
