package retry

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// Budget bounds the retries of all policies that [Spend] it, so that retries
// cannot multiply the load of a service that is down. Make it with [NewBudget];
// the zero value is not usable, and it must not be copied. It is safe for
// concurrent use.
//
// A retry is allowed if one of two accounts pays for it. The first holds ratio
// for each call of the last ten seconds, less the retries of that time that it
// paid for; the second pays for minPerSecond retries in any second. So in any
// stretch of time, and exactly so under concurrency,
//
//	retries <= ratio * calls + minPerSecond * seconds
//
// where calls are those of that time and the ten seconds before, and a begun
// second counts whole. Nothing is held: a retry that is allowed has spent its
// share, also if its pause is cancelled.
//
// Cost: a call reads the clock and adds to one of several words, so that many
// processors do not wait for each other. Memory: 8 bytes for each of
// minPerSecond, and 256 for each processor.
type Budget struct {
	ratio uint64 // millionths
	clock mono.Clock
	calls window

	mu sync.Mutex
	// mu guards the retries: those that the ratio paid for, a second each, and
	// when those that the minimum paid for began, the oldest at next.
	paid    [seconds]spent
	minimum []int64
	next    int
}

const (
	millions = 1_000_000

	maxRatio = 1000
	maxFloor = 1_000_000
)

// NewBudget returns a budget of ratio retries a call (0.1 is one retry for ten
// calls; it is rounded down to millionths), and at the least minPerSecond a second,
// so that a program with few calls can retry too. It panics if ratio is not
// between 0 and 1000, minPerSecond not between 0 and 1,000,000, or both are 0.
func NewBudget(ratio float64, minPerSecond int) *Budget {
	if !(ratio >= 0 && ratio <= maxRatio) {
		panic(fmt.Sprintf("retry: the ratio of a budget must be between 0 and %d, got %v", maxRatio, ratio))
	}
	if minPerSecond < 0 || minPerSecond > maxFloor {
		panic(fmt.Sprintf("retry: minPerSecond of a budget must be between 0 and %d, got %d", maxFloor, minPerSecond))
	}
	// Down, so that no more is allowed than asked; 0.29 * 1e6 may lie a little
	// below 290000.
	b := &Budget{ratio: uint64(math.Floor(ratio*millions + 1e-3)), clock: mono.New(), calls: newWindow()}
	if b.ratio == 0 && minPerSecond == 0 {
		panic(fmt.Sprintf("retry: a budget of ratio %v and minPerSecond 0 allows no retry; MaxRetries(0) says so", ratio))
	}
	b.minimum = make([]int64, minPerSecond)
	for i := range b.minimum {
		b.minimum[i] = math.MinInt64 // long ago
	}
	return b
}

// spent is the number of retries of one second.
type spent struct {
	second int64
	n      uint64
}

// deposit counts a call.
func (b *Budget) deposit() { b.calls.add(second(b.clock.Now())) }

// withdraw pays for a retry, and reports false if neither account can.
func (b *Budget) withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now() // under the lock, so that time goes forward in here
	return b.fromRatio(second(now)) || b.fromMinimum(now)
}

func (b *Budget) fromRatio(now int64) bool {
	used := uint64(0)
	for _, s := range b.paid {
		if recent(now - s.second) {
			used += s.n
		}
	}
	// calls * ratio fits 128 bits, and the quotient 64, as the ratio is at most
	// a thousand.
	hi, lo := bits.Mul64(b.calls.sum(now), b.ratio)
	earned, _ := bits.Div64(hi, lo, millions)
	if used >= earned {
		return false
	}
	s := &b.paid[index(now)]
	if s.second != now {
		*s = spent{second: now}
	}
	s.n++
	return true
}

func (b *Budget) fromMinimum(now int64) bool {
	if len(b.minimum) == 0 {
		return false
	}
	// The oldest of the last minPerSecond must lie a second back.
	if oldest := b.minimum[b.next]; oldest > now-int64(time.Second) && oldest <= now {
		return false
	}
	b.minimum[b.next] = now
	b.next = (b.next + 1) % len(b.minimum)
	return true
}
