package waiting

import (
	"sync/atomic"
	"time"
)

// Counts are written by those who waited or were refused, never on a fast path.
// The zero value is ready for use. It is safe for concurrent use.
type Counts struct {
	Rejected, Cancelled atomic.Int64

	waits          atomic.Int64
	total, longest atomic.Int64 // ns
}

// Waited counts somebody that left the queue after d.
func (c *Counts) Waited(d time.Duration) {
	c.waits.Add(1)
	c.total.Add(int64(d))
	for {
		old := c.longest.Load()
		if int64(d) <= old || c.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Waits returns how many left the queue.
func (c *Counts) Waits() int64 { return c.waits.Load() }

// Total returns how long all of them waited together.
func (c *Counts) Total() time.Duration { return time.Duration(c.total.Load()) }

// Longest returns how long the one that waited longest did.
func (c *Counts) Longest() time.Duration { return time.Duration(c.longest.Load()) }
