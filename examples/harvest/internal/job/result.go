package job

import (
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

// Result is what a job came to.
type Result struct {
	Counts  tally.Counts
	Limits  Limits
	Faults  *fault.Counts // what the service did; nil where it is not ours
	Check   *Check        // nil when it was not made
	Elapsed time.Duration
	Stopped bool // by its context

	Resumable bool  // its state is kept
	Done      int64 // files behind which it goes on
}

// Limits are what the guard allows.
type Limits struct {
	Rate        float64 // posts a second; 0: no limit
	Burst       int     // posts at once after a pause
	Concurrency int     // posts at once; 0: no limit
}

// Check compares the documents that were made with those that the service has.
type Check struct {
	Expected int      // documents that were made
	Once     int      // of those, stored exactly once
	Missing  int      // not stored
	Multiple int      // stored more than once
	Wrong    []string // some of the paths that are not there once
}

// OK reports whether every document is stored exactly once.
func (c Check) OK() bool { return c.Once == c.Expected }

// maxWrong bounds the paths that a check keeps.
const maxWrong = 5

// compare makes the check: want are the paths that were made, copies says how
// often each path is stored.
func compare(want []string, copies map[string]int) Check {
	c := Check{Expected: len(want)}
	for _, path := range want {
		switch copies[path] {
		case 1:
			c.Once++
			continue
		case 0:
			c.Missing++
		default:
			c.Multiple++
		}
		if len(c.Wrong) < maxWrong {
			c.Wrong = append(c.Wrong, path)
		}
	}
	return c
}
