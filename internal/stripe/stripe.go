// Package stripe is a counter for hot paths: it spreads its adds over several
// cache lines, so that counting from many cores does not serialise them.
package stripe

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

// cell keeps one stripe alone on two cache lines: processors prefetch lines in
// pairs, so 64 bytes of padding still share.
type cell struct {
	n atomic.Int64
	_ [120]byte
}

// Counter is a sum of int64. Make it with [New]. It is safe for concurrent use
// and must not be copied.
type Counter struct {
	cells []cell
	mask  uint32 // number of cells - 1
}

// New returns a counter at zero, with a power of two of stripes: one for each
// processor that the program may use, at most 64.
func New() *Counter {
	procs, n := uint32(min(runtime.GOMAXPROCS(0), 64)), uint32(1) // #nosec G115 -- 1 to 64
	for n < procs {
		n *= 2
	}
	return &Counter{cells: make([]cell, n), mask: n - 1}
}

// Add adds d to one stripe, picked at random: Go gives no cheap name for the
// processor a goroutine runs on, and the runtime's generator is per thread.
func (c *Counter) Add(d int64) {
	c.cells[rand.Uint32()&c.mask].n.Add(d) // #nosec G404 -- spreads load, guards nothing
}

// Load returns the sum. Adds that run at the same time may or may not be seen;
// one that happened before is.
func (c *Counter) Load() int64 {
	var sum int64
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}
