package semaphore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// Outcome is what a call says about the backend.
type Outcome int

// The outcomes of a call.
const (
	// Success is a call that the backend answered: its latency counts.
	Success Outcome = iota
	// Dropped is a call that failed because of load: a timeout, an answer that
	// says "too busy". It lowers the limit.
	Dropped
	// Ignored is a call that says nothing about load: one that failed before it
	// reached the backend, or that the caller gave up.
	Ignored
)

// String returns the name of the outcome.
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Dropped:
		return "dropped"
	case Ignored:
		return "ignored"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// classify is the default of Outcomes. A failure that it does not know counts
// for nothing: answers of a broken backend may be very fast, and must not pass
// for health.
func classify(err error) Outcome {
	switch {
	case err == nil:
		return Success
	case rejection.Is(err):
		return Ignored
	case errors.Is(err, context.DeadlineExceeded):
		return Dropped
	}
	return Ignored
}

// Call is a call under way, made by [Adaptive.Acquire]. One of its three methods
// must be called at the end: it gives the permit back. All calls but the first
// do nothing. It is safe for concurrent use.
type Call struct {
	a     *Adaptive
	began int64
	ended atomic.Bool
}

// Success ends the call: the backend answered, and the latency counts.
func (c *Call) Success() { c.End(Success) }

// Dropped ends the call: it failed because of load.
func (c *Call) Dropped() { c.End(Dropped) }

// Ignored ends the call: it says nothing about the backend.
func (c *Call) Ignored() { c.End(Ignored) }

// End ends the call with the given outcome, of which one that does not exist
// panics.
func (c *Call) End(outcome Outcome) {
	mustExist(outcome)
	if c.ended.CompareAndSwap(false, true) {
		c.a.done(c.began, outcome)
	}
}

// Elapsed returns how long ago the permit was had.
func (c *Call) Elapsed() time.Duration { return time.Duration(c.a.clock.Now() - c.began) }

func mustExist(o Outcome) Outcome {
	if o < Success || o > Ignored {
		panic(fmt.Sprintf("semaphore: outcome must be Success, Dropped or Ignored, got %v", o))
	}
	return o
}
