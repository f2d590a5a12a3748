package retry

import "time"

// Events are called by a policy on the goroutine of the caller they are about,
// outside every lock, and may use the policy. Events of different calls have no
// order. A nil func is not called.
type Events struct {
	// Retry is called when an attempt failed and another will be made, before
	// the pause.
	Retry func(Retry)
	// GaveUp is called when a call failed for good, whatever ended it. A call
	// that did not begin, because its context was done, is not one.
	GaveUp func(GaveUp)
	// Hedged is called when an attempt has ended that ran twice at once, unless a
	// panic or runtime.Goexit ended it.
	Hedged func(Hedged)
}

// Retry tells of an attempt that failed and will be followed by another.
type Retry struct {
	// Attempt is the number of the attempt that failed, from 1.
	Attempt int
	// Err is its error.
	Err error
	// Delay is the pause before the next attempt.
	Delay time.Duration
}

// GaveUp tells of a call that failed for good.
type GaveUp struct {
	// Attempts is how many were made.
	Attempts int
	// Err is what the caller gets.
	Err error
}

// Hedged tells of an attempt that was run a second time beside the first.
type Hedged struct {
	// Attempt is the number of the attempt, from 1.
	Attempt int
	// Delay is how long the first run had when the second began.
	Delay time.Duration
	// Won is set if the second run succeeded first.
	Won bool
}
