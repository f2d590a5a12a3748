package fanout

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Crew is a number of workers that can be changed while streams run with it. It
// is an [Option] of [Stream] and [Chan], in place of [Workers]; a [Group] has
// [Group.SetWorkers]. Make it with [NewCrew]; it must not be copied. It is safe for
// concurrent use, also by several streams: each has so many workers of its own. A
// crew that grows beyond the [Window] of a stream is bounded by that.
type Crew struct {
	mu      sync.Mutex
	workers int
	streams map[resizable]struct{} // that run now
}

type resizable interface{ SetWorkers(n int) }

// NewCrew returns a crew of n workers. It panics if n is not positive.
func NewCrew(n int) *Crew {
	checkCrew(n)
	return &Crew{workers: n, streams: map[resizable]struct{}{}}
}

func checkCrew(n int) {
	if n < 1 {
		panic(fmt.Sprintf("fanout: a Crew must have at least 1 worker, got %d", n))
	}
}

// Workers returns how many items may run at once.
func (c *Crew) Workers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.workers
}

// SetWorkers changes how many items may run at once. Items that run are not
// disturbed: after n was lowered, workers leave as they end their items. It panics
// if n is not positive.
func (c *Crew) SetWorkers(n int) {
	checkCrew(n)
	c.mu.Lock()
	c.workers = n
	streams := slices.Collect(maps.Keys(c.streams))
	c.mu.Unlock()
	for _, s := range streams {
		c.tell(s)
	}
}

// tell gives s the number of workers. It looks again afterwards, because another
// SetWorkers may have come between, and been overtaken here.
func (c *Crew) tell(s resizable) {
	for n := 0; n != c.Workers(); {
		n = c.Workers()
		s.SetWorkers(min(n, maxWorkers))
	}
}

func (c *Crew) apply(cfg *config) {
	if c == nil || c.streams == nil {
		panic("fanout: a Crew must be made by NewCrew")
	}
	cfg.given |= setCrew
	cfg.crew = c
}

// join makes s one of the crew's streams.
func (c *Crew) join(s resizable) {
	c.mu.Lock()
	c.streams[s] = struct{}{}
	c.mu.Unlock()
	c.tell(s)
}

func (c *Crew) leave(s resizable) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}
