// Package tally counts what a harvest does, for the progress line and the
// closing table.
package tally

import (
	"sync"
	"time"
)

// Counts is what happened so far.
type Counts struct {
	Files       int64 // found by the walk
	Before      int64 // of those, done by the run that this one continues
	ParseErrors int64 // files that are not Go
	Unreadable  int64 // files and folders that could not be read
	Documents   int64 // made of the other files
	Sent        int64 // documents in posts that were begun, each document once
	Stored      int64 // documents that the service acknowledged
	Attempts    int64 // posts over the network
	Retries     int64 // of those, by the wrapper after a failed one
	TimedOut    int64 // of those, ended by a timeout of the wrapper
	Rejections  int64 // refused by the wrapper before they ran
	Returned    int64 // batches that went back to the queue
	Lost        int64 // documents whose batch was given up for good

	Openings int64         // how often the breaker opened
	Open     time.Duration // how long it was not closed
	Breaker  string        // its state now; empty where there is none

	P50, P95, P99 time.Duration // of an attempt
	Sending       time.Duration // from the first attempt to the end of the last
}

// Rate is the attempts a second while there were any.
func (c Counts) Rate() float64 {
	if c.Sending <= 0 {
		return 0
	}
	return float64(c.Attempts) / c.Sending.Seconds()
}

// Tally is a set of counts that grows. Safe for concurrent use.
type Tally struct {
	mu        sync.Mutex
	counts    Counts
	latencies Latencies
	first     time.Time // begin of the first attempt
	last      time.Time // end of the last one
	opened    time.Time // zero while the breaker is closed
}

// Add changes the counts.
func (t *Tally) Add(change func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.counts)
}

// Attempt counts a post that began at start and ends now.
func (t *Tally) Attempt(start time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.counts.Attempts++
	t.latencies.Add(now.Sub(start))
	if t.first.IsZero() || start.Before(t.first) {
		t.first = start
	}
	t.last = now
}

// Breaker notes that the breaker changed its state.
func (t *Tally) Breaker(state string, closed, opens bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Breaker = state
	if opens {
		t.counts.Openings++
	}
	switch {
	case closed && !t.opened.IsZero():
		t.counts.Open += time.Since(t.opened)
		t.opened = time.Time{}
	case !closed && t.opened.IsZero():
		t.opened = time.Now()
	}
}

// Counts returns the counts as they are now.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	if !t.opened.IsZero() {
		c.Open += time.Since(t.opened)
	}
	c.P50, c.P95, c.P99 = t.latencies.Percentile(50), t.latencies.Percentile(95), t.latencies.Percentile(99)
	c.Sending = t.last.Sub(t.first)
	return c
}
