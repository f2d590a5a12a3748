package breaker

// TimerRuns reports whether b waits for anything.
func TimerRuns(b *Breaker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alarm.at != 0
}
