package ratelimit

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// limit is a rate with a burst.
type limit struct {
	rate  Rate
	burst int
}

// plan holds the limits that the keys of a Keyed have, each as a cell that is used
// for its constants alone. A place in the table names its limit by number.
type plan struct {
	mu  sync.Mutex
	now atomic.Pointer[classes]
}

// classes is a state of the plan; it is never changed, only replaced.
type classes struct {
	cells   []*cell
	number  map[limit]uint16
	horizon int64  // ns that a shard may compute with
	align   uint64 // the coarsest unit is 2^align ns
}

// add returns the number of a limit.
func (p *plan) add(l limit) uint16 {
	if c := p.now.Load(); c != nil {
		if i, ok := c.number[l]; ok {
			return i
		}
	}
	checkBurst(l.burst)
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.now.Load()
	if old == nil {
		old = &classes{horizon: never}
	}
	if i, ok := old.number[l]; ok {
		return i
	}
	if len(old.cells) > math.MaxUint16 {
		panic(fmt.Sprintf("ratelimit: PerKey must return at most %d different limits, got %v, burst %d, too", math.MaxUint16+1, l.rate, l.burst))
	}
	c := newCell(l.rate, int64(l.burst), 0, 0)
	i := uint16(len(old.cells)) // #nosec G115 -- checked
	next := &classes{
		cells:   append(slices.Clip(old.cells), c),
		number:  make(map[limit]uint16, len(old.number)+1),
		horizon: min(old.horizon, c.horizon),
		align:   max(old.align, c.shr),
	}
	maps.Copy(next.number, old.number)
	next.number[l] = i
	p.now.Store(next)
	return i
}
