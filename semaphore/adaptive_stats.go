package semaphore

import "time"

// LimitChange tells of one change of the limit of an [Adaptive].
type LimitChange struct {
	// From and To are the limits.
	From, To int64
	// Latency is the mean of the window that led to it, Baseline what a call is
	// thought to take without a queue.
	Latency, Baseline time.Duration
	// Dropped is set if dropped calls led to it.
	Dropped bool
	// Probe is set if the limit is lowered for a moment, to measure.
	Probe bool
}

// AdaptiveStats is a snapshot of an [Adaptive].
type AdaptiveStats struct {
	// Stats is that of the semaphore inside.
	Stats
	// Lowest and Highest are the bounds of the limit.
	Lowest, Highest int64
	// Baseline is what a call is thought to take without a queue; 0 before the
	// first window ended. Latency is the mean of the last window.
	Baseline, Latency time.Duration
	// Success, Dropped and Ignored count calls by outcome.
	Success, Dropped, Ignored int64
	// Windows counts decisions.
	Windows int64
	// EventsLost counts LimitChanged events that were given up because a
	// callback took longer than 64 further changes.
	EventsLost int64
}

// Stats returns a snapshot.
func (a *Adaptive) Stats() AdaptiveStats {
	sem, c := a.made(), &a.control
	c.mu.Lock()
	defer c.mu.Unlock()
	return AdaptiveStats{
		Stats:      sem.Stats(),
		Lowest:     int64(c.lowest),
		Highest:    int64(c.highest),
		Baseline:   time.Duration(c.baseline),
		Latency:    time.Duration(c.latency),
		Success:    c.outcomes[Success],
		Dropped:    c.outcomes[Dropped],
		Ignored:    c.outcomes[Ignored],
		Windows:    c.windows,
		EventsLost: c.news.lost,
	}
}

// changes are the events that wait to be told, in order, by one goroutine at a
// time. They are guarded by the mu of their control.
type changes struct {
	waiting []LimitChange
	telling bool
	lost    int64
}

const maxChanges = 64

func (n *changes) add(e LimitChange) {
	if len(n.waiting) == maxChanges {
		n.lost++
		return
	}
	n.waiting = append(n.waiting, e)
}

// tell calls back for what is waiting, unless another goroutine is at it, which
// then finds what was added meanwhile.
func (c *control) tell() {
	c.mu.Lock()
	if c.news.telling {
		c.mu.Unlock()
		return
	}
	c.news.telling = true
	defer func() { // also if the callback panics
		c.news.telling = false
		c.mu.Unlock()
	}()
	for len(c.news.waiting) > 0 {
		e := c.news.waiting[0]
		c.news.waiting = c.news.waiting[1:]
		c.call(e)
	}
}

// call calls back with mu released.
func (c *control) call(e LimitChange) {
	c.mu.Unlock()
	defer c.mu.Lock()
	c.on(e)
}
