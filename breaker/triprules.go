package breaker

import (
	"fmt"
	"math"
	"time"
)

// Rule is an option that [Breaker.SetRules] takes too: a trip rule or a window.
type Rule interface {
	Option
	rule()
}

type ruleFunc func(*rules)

func (f ruleFunc) apply(c *config)           { f(&c.rules) }
func (f ruleFunc) applyKeyed(k *keyedConfig) { k.breaker = append(k.breaker, f) }
func (ruleFunc) rule()                       {}

// trip returns a rule that replaces the default rules.
func trip(f func(*rules)) Rule {
	return ruleFunc(func(r *rules) { r.given = true; f(r) })
}

// ConsecutiveFailures opens on the n-th failure in a row. It suits few calls;
// under many, chance alone makes long rows.
func ConsecutiveFailures(n int) Rule {
	between("ConsecutiveFailures", n, 1, math.MaxInt32)
	return trip(func(r *rules) { r.consecutive = n })
}

// FailureRate opens when at least the given share of the calls in the window
// failed, above 0 and at most 1, and the window holds at least minCalls. A share
// that is met exactly opens.
func FailureRate(ratio float64, minCalls int) Rule {
	m := millionths("FailureRate", ratio)
	between("FailureRate's minCalls", minCalls, 1, math.MaxInt32)
	return trip(func(r *rules) { r.rate = rate{m, uint64(minCalls)} }) // #nosec G115 -- positive
}

// FailureCount opens when the window holds n failures.
func FailureCount(n int) Rule {
	between("FailureCount", n, 1, math.MaxInt32)
	return trip(func(r *rules) { r.count = n })
}

// SlowCallRate opens when at least the given share of the calls in the window
// took longer than over, however they ended, and the window holds at least
// minCalls. In half-open, a slow probe is a failed one. A call that is slower
// than the window counts, too: by the moment of its completion.
func SlowCallRate(over time.Duration, ratio float64, minCalls int) Rule {
	mustBePositive("SlowCallRate's duration", over)
	m := millionths("SlowCallRate", ratio)
	between("SlowCallRate's minCalls", minCalls, 1, math.MaxInt32)
	return trip(func(r *rules) {
		r.over, r.slow = over, rate{m, uint64(minCalls)} // #nosec G115 -- positive
	})
}

// StuckCalls opens when n calls have been in flight for longer than age: they
// need not end to be noticed. It is noticed within an eighth of age. Only calls
// that began in the present closed state count. It makes each call take a lock
// twice, and while calls are in flight a timer runs every eighth of age, which
// is at least 1 ms.
func StuckCalls(age time.Duration, n int) Rule {
	atLeast("StuckCalls's age", age, time.Millisecond)
	between("StuckCalls", n, 1, math.MaxInt32)
	return trip(func(r *rules) { r.age, r.stuck = age, n })
}

// Window sets how far the rules look back, in rolling time; 10 seconds by
// default. The window moves on in steps of a tenth. It is at least 1 ms.
func Window(d time.Duration) Rule {
	atLeast("Window", d, time.Millisecond)
	return ruleFunc(func(r *rules) { r.window = d })
}

// CountWindow makes the rules look back on the last n calls, whenever they
// were, in place of a window of time.
func CountWindow(n int) Rule {
	between("CountWindow", n, 1, 1_000_000)
	return ruleFunc(func(r *rules) { r.last = n })
}

// complete fills in defaults and panics where no outcome could meet the rules.
func (r *rules) complete() {
	if !r.given {
		r.consecutive, r.rate = 10, rate{million / 2, 20}
	}
	if r.window > 0 && r.last > 0 {
		panic(fmt.Sprintf("breaker: Window(%v) and CountWindow(%d) exclude each other; leave one out", r.window, r.last))
	}
	if r.last == 0 {
		if r.window == 0 {
			r.window = 10 * time.Second
		}
		return
	}
	if !r.given && r.last < 20 {
		r.rate.min = uint64(r.last) // #nosec G115 -- positive
	}
	n := uint64(r.last)                                           // #nosec G115 -- positive
	if m := max(r.rate.min, r.slow.min, uint64(r.count)); m > n { // #nosec G115 -- positive
		panic(fmt.Sprintf("breaker: a rule that needs %d calls never opens with CountWindow(%d); enlarge the window", m, n))
	}
}

// millionths turns a ratio into an integer, so that a share is compared exactly.
// It rounds down, so that two of three calls meet 2.0/3, but for the error that
// a float64 of six decimals has.
func millionths(name string, ratio float64) uint64 {
	m := math.Floor(ratio*million + 1e-4)
	if !(ratio <= 1 && m >= 1) { // NaN, too
		panic(fmt.Sprintf("breaker: %s must be a ratio of at least 0.000001 and at most 1, got %v", name, ratio))
	}
	return uint64(m)
}

func mustBePositive(name string, d time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("breaker: %s must be positive, got %v", name, d))
	}
}

func atLeast(name string, d, low time.Duration) {
	if d < low {
		panic(fmt.Sprintf("breaker: %s must be at least %v, got %v", name, low, d))
	}
}

func between(name string, n, low, high int) {
	if n < low || n > high {
		panic(fmt.Sprintf("breaker: %s must be between %d and %d, got %d", name, low, high, n))
	}
}
