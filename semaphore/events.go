package semaphore

import "time"

// Events are called by a semaphore on the goroutine of the caller they are
// about, outside every lock, and may call back into the semaphore. Events of
// different callers have no order. A nil func is not called.
type Events struct {
	// Rejected is called when an acquisition is refused with one of this
	// package's errors. A TryAcquire that fails is no rejection.
	Rejected func(Event)
	// LongWait is called when a wait has ended, well or badly, that took at
	// least as long as the option LongWait says.
	LongWait func(Event)
	// LimitChanged is called when an [Adaptive] has changed its limit, in the
	// order of the changes, by the goroutine of a call that ended.
	LimitChanged func(LimitChange)
}

// Event tells of one acquisition.
type Event struct {
	// N is the number of permits that were asked for: the limit of that moment
	// for AcquireAll.
	N int64
	// Priority is 0 but for AcquirePriority.
	Priority int
	// Waited is how long the caller stood in the queue.
	Waited time.Duration
	// Err is what the caller gets.
	Err error
}
