package breaker

import "time"

// ages is how many steps a call in flight passes through before it is stuck.
const ages = 8

// flight follows calls in flight by the step of time in which they began, for
// StuckCalls. Breaker.mu guards it. A timer moves the steps on while calls are
// in flight, so that no call reads the clock for it.
type flight struct {
	step   int64
	stepAt int64  // when the next step begins; 0: nothing is in flight
	epoch  uint64 // wide: steps of a millisecond wrap 32 bits around in 50 days
	first  uint64 // calls of earlier epochs are not followed any more
	young  [ages + 1]int
	old    int
	total  int
	met    bool // the rule is met but may not open: counted once
}

// enter follows a call and returns what it leaves with.
func (f *flight) enter(now func() int64, age time.Duration) uint64 {
	if f.stepAt == 0 {
		f.step = max(int64(age)/ages, 1)
		f.stepAt = later(now(), time.Duration(f.step))
	}
	f.total++
	f.young[f.epoch%(ages+1)]++
	return f.epoch
}

// leave ends following a call.
func (f *flight) leave(epoch uint64) {
	if epoch < f.first {
		return
	}
	f.total--
	if f.epoch-epoch > ages {
		f.old--
		return
	}
	f.young[epoch%(ages+1)]--
}

// advance begins the next steps: what began more than ages steps ago is old.
func (f *flight) advance(now int64) {
	steps := (now-f.stepAt)/f.step + 1
	for range min(steps, ages+1) {
		f.epoch++
		i := f.epoch % (ages + 1)
		f.old += f.young[i]
		f.young[i] = 0
	}
	f.stepAt += steps * f.step
	if f.total == 0 {
		f.stepAt = 0
	}
}

// reset follows none of the calls that are in flight.
func (f *flight) reset() {
	f.epoch++
	f.first = f.epoch
	f.young, f.old, f.total, f.stepAt, f.met = [ages + 1]int{}, 0, 0, 0, false
}

// ageLocked lets the calls in flight grow older, and trips if enough are stuck.
func (b *Breaker) ageLocked(now int64) {
	b.flight.advance(now)
	if r := b.rules.Load(); r.stuck == 0 || b.flight.old < r.stuck {
		b.flight.met = false
	} else if b.mayTripLocked(&b.flight.met) {
		b.tripLocked(now, ErrStuck)
	}
}
