package breaker

import (
	"context"
	"time"
)

// Events are called by a breaker outside every lock, and may call back into it.
// A nil func is not called.
type Events struct {
	// StateChange is called with each change of state, one at a time and in
	// order, so that the From of each is the To of the one before. It runs on the
	// goroutine of a call that changed the state, and on a timer's when an open
	// time, a lease or a step is over. It should be quick: changes that happen
	// meanwhile wait, and beyond 64 of them the oldest are dropped
	// (Stats.Dropped counts them). A change that waits is told also if the
	// function panics or exits its goroutine; on a timer's goroutine a panic ends
	// the program, as any there does.
	StateChange func(StateChange)
	// Rejected is called on the goroutine of a call that is refused. Calls of
	// different goroutines have no order.
	Rejected func(*OpenError)
	// Outcome is called on the goroutine that reports the end of a call, with the
	// context of its Acquire, after the breaker has taken the outcome into
	// account. It makes every call read the clock twice. Calls of different
	// goroutines have no order.
	Outcome func(context.Context, Call)
}

// StateChange tells of one change of state.
type StateChange struct {
	// From and To are different, always.
	From, To State
	// Cause is what opened the breaker, see [OpenError.Cause].
	Cause error
	// At is when it happened.
	At time.Time
	// Generation counts the changes of state.
	Generation uint64
}

// Call tells of the end of one call.
type Call struct {
	// Outcome is what the breaker made of it.
	Outcome Outcome
	// Err is what the call returned; [ErrNoReturn] if it did not.
	Err error
	// Took is the time from the acquisition to the report.
	Took time.Duration
	// Probe is set for a call that was admitted in half-open.
	Probe bool
	// Late is set for a call whose outcome counted nowhere: the state has changed
	// since its acquisition, or the lease of the probe was over.
	Late bool
}

// queueBound is how many changes of state may wait to be told.
const queueBound = 64

// queue holds changes of state until they are told. Breaker.mu guards it.
type queue struct {
	wanted  bool
	telling bool // somebody is at it, and goes on until the queue is empty
	waiting []StateChange
	dropped int64
}

func (q *queue) push(c StateChange) {
	if !q.wanted {
		return
	}
	if len(q.waiting) == queueBound {
		q.pop()
		q.dropped++
	}
	q.waiting = append(q.waiting, c)
}

func (q *queue) pop() StateChange {
	c := q.waiting[0]
	n := copy(q.waiting, q.waiting[1:])
	q.waiting[n] = StateChange{} // holds the cause no longer
	q.waiting = q.waiting[:n]
	return c
}

// unlock publishes what the holder of mu changed, and tells of it.
func (b *Breaker) unlock() {
	b.publishLocked()
	b.armLocked()
	tell := len(b.queue.waiting) > 0 && !b.queue.telling
	b.mu.Unlock()
	if tell {
		b.tellAll()
	}
}

// tellAll delivers what waits, unless somebody is at it: one goroutine at a
// time, or else the order would be lost. A transition that the handler itself
// makes is queued behind.
func (b *Breaker) tellAll() {
	for {
		b.mu.Lock()
		if b.queue.telling || len(b.queue.waiting) == 0 {
			b.mu.Unlock()
			return
		}
		b.queue.telling = true
		c := b.queue.pop()
		b.mu.Unlock()
		b.tell(c)
	}
}

// tell calls the handler. If it panics or exits, the rest is delivered while
// that passes.
func (b *Breaker) tell(c StateChange) {
	returned := false
	defer func() {
		b.mu.Lock()
		b.queue.telling = false
		b.mu.Unlock()
		if !returned {
			b.tellAll()
		}
	}()
	b.cfg.events.StateChange(c)
	returned = true
}
