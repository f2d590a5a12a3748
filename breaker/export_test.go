package breaker

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

// TimerRuns reports whether b waits for anything.
func TimerRuns(b *Breaker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alarm.at != 0
}
