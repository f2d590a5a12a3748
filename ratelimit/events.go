package ratelimit

import "time"

// Events are called by a limiter on the goroutine of the caller they are about,
// outside every lock, and may call back into the limiter. Events of different
// callers have no order. A nil func is not called.
type Events struct {
	// Rejected is called when a wait is refused with one of this package's errors.
	Rejected func(Event)
	// LongWait is called when a wait has ended, well or badly, that took at
	// least as long as the option LongWait says.
	LongWait func(Event)
	// Denied is called when Allow, Take or TakeUpTo find no tokens, which is an
	// ordinary answer and no rejection. It costs each denial a call.
	Denied func(Event)
}

// Event tells of one request.
type Event struct {
	// N is the number of tokens that were asked for.
	N int
	// Waited is how long the caller stood in the queue.
	Waited time.Duration
	// RetryAfter is when the tokens would be there, 0 where it is unknown.
	RetryAfter time.Duration
	// Err is what the caller gets, nil for Denied.
	Err error
}

// tell counts a decision and tells of it.
func (l *Limiter) tell(g grant, n int64) {
	if l.plain {
		return
	}
	if l.tally != nil {
		l.tally.add(g.ok, n)
	}
	if !g.ok && l.cfg.events.Denied != nil {
		after := l.retryAfter(g, n)
		if after == Never {
			after = 0
		}
		l.cfg.events.Denied(Event{N: int(n), RetryAfter: after})
	}
}
