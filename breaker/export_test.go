package breaker

import "time"

// Spread makes the window of b spread, as it does when adds meet.
func Spread(b *Breaker) {
	for range patience {
		b.window.Load().meet()
	}
}

// AddLate adds a success to the window of b the way a goroutine does that was
// delayed while the window ran empty.
func AddLate(b *Breaker) { b.window.Load().pass() }

// WhileLocked runs f while b's lock is held.
func WhileLocked(b *Breaker, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Stall makes b's timer late by d, as if the program had been stopped meanwhile:
// what is due was due d ago when it rings.
func Stall(b *Breaker, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := []*int64{&b.openUntil, &b.halfOpenUntil, &b.rotateAt, &b.flight.stepAt, &b.ramp.stepAt}
	for i := range b.probes.leases {
		due = append(due, &b.probes.leases[i].until)
	}
	for _, at := range due {
		if *at != 0 {
			*at -= int64(d)
		}
	}
}

// Overdue makes the open time of b end d ago, and its timer so late that it has
// not run yet. Ring runs it.
func Overdue(b *Breaker, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarm.timer.Stop()
	b.openUntil = b.clock.Now() - int64(d)
	e := *b.refusal.Load()
	e.until = b.openUntil
	b.refusal.Store(&e)
}

// Ring does what b's timer does.
func Ring(b *Breaker) { b.ring() }

// TimerRuns reports whether b waits for anything.
func TimerRuns(b *Breaker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alarm.at != 0
}

// Sweep does what k's timer does.
func Sweep[K comparable](k *Keyed[K]) { k.sweep() }

// Step returns how long b's timer lets the calls in flight grow older.
func Step(b *Breaker) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(b.flight.step)
}
