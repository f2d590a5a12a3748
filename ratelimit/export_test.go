package ratelimit

// Cell returns the state of a bucket, for a test that it is not written.
func Cell(l *Limiter) any { return l.cell.Load() }
