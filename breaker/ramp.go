package breaker

import (
	"sync/atomic"
	"time"
)

// rampSteps is in how many steps admission grows to the whole.
const rampSteps = 10

// ramp admits a growing share of the calls, evenly and without chance: of each
// ten calls in a row as many as steps have begun. The timer moves the step on,
// under Breaker.mu; callers take their turns without it.
type ramp struct {
	step   atomic.Uint64 // 1 to rampSteps-1; 0: all are admitted
	turns  atomic.Uint64
	length int64
	stepAt int64
}

func (r *ramp) start(now int64, d time.Duration) {
	r.length = max(int64(d)/rampSteps, 1)
	r.stepAt = later(now, time.Duration(r.length))
	r.turns.Store(0)
	r.step.Store(1)
}

func (r *ramp) stop() {
	r.step.Store(0)
	r.stepAt = 0
}

func (r *ramp) advance(now int64) {
	steps := (now-r.stepAt)/r.length + 1
	step := r.step.Load() + uint64(steps) // #nosec G115 -- positive
	if step >= rampSteps {
		r.stop()
		return
	}
	r.step.Store(step)
	r.stepAt += steps * r.length
}

// admits reports whether the n-th call from 1 on is let through in step s.
func admits(n, s uint64) bool { return s == 0 || n*s/rampSteps > (n-1)*s/rampSteps }

// take is the turn of a call.
func (r *ramp) take() bool { return admits(r.turns.Add(1), r.step.Load()) }

// peek is the turn of a call that may not come: only a refusal uses the turn
// up, as it stands for the call.
func (r *ramp) peek() bool {
	for {
		n := r.turns.Load()
		if admits(n+1, r.step.Load()) {
			return true
		}
		if r.turns.CompareAndSwap(n, n+1) {
			return false
		}
	}
}
