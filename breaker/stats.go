package breaker

import (
	"time"

	"github.com/weirkit/weir/internal/stripe"
)

// Stats is a snapshot. What the rules and the state say is of one moment; the
// counts of calls are each right and may be of moments a little apart. A field
// that nobody counts reads -1.
type Stats struct {
	// State is the state, and Mode who decides about it.
	State State
	Mode  Mode
	// Since is when the state began.
	Since time.Time
	// Generation counts the changes of state.
	Generation uint64
	// Cause is what opened the breaker last, nil if it never was open.
	Cause error
	// NextProbeAt is when an open breaker becomes half-open; the zero time if it
	// is not open, or forced open.
	NextProbeAt time.Time

	// ConsecutiveFailures is the failures since the last success; -1 without that
	// rule.
	ConsecutiveFailures int64
	// WindowCalls, WindowFailures and WindowSlow are what the window holds; -1 if
	// no rule counts it. Only a closed breaker measures.
	WindowCalls, WindowFailures, WindowSlow int64
	// Stuck is the calls that have been in flight for too long; -1 without
	// StuckCalls.
	Stuck int64
	// Probes is the probes in flight.
	Probes int

	// Openings counts how often the breaker has opened, half-open included.
	Openings int64
	// Suppressed counts how often a rule was met and the breaker stayed closed:
	// because of Disable, or of MaxOpenShare.
	Suppressed int64
	// Expired counts probes whose lease ended.
	Expired int64
	// Dropped counts changes of state that were not told.
	Dropped int64

	// Successes, Failures and Ignored count calls that have ended, by outcome;
	// Late those of them that came too late to matter. InFlight is calls that
	// have not ended, abandoned permits included; Rejected is calls that were
	// refused. All are -1 without the option Counted.
	Successes, Failures, Ignored, Late, InFlight, Rejected int64
}

// counts are there with Counted.
type counts struct {
	admitted, rejected *stripe.Counter
	ended              [Ignored + 1]*stripe.Counter
	late               *stripe.Counter
}

func newCounts() *counts {
	c := &counts{admitted: stripe.New(), rejected: stripe.New(), late: stripe.New()}
	for i := range c.ended {
		c.ended[i] = stripe.New()
	}
	return c
}

func (c *counts) end(o Outcome, late bool) {
	c.ended[o].Add(1)
	if late {
		c.late.Add(1)
	}
}

// Stats returns a snapshot.
func (b *Breaker) Stats() Stats {
	b.lock()
	r := b.rules.Load()
	s := Stats{
		State:               b.state,
		Mode:                b.mode,
		Since:               b.clock.Time(b.since),
		Generation:          b.gen,
		Cause:               b.cause,
		ConsecutiveFailures: -1,
		WindowCalls:         -1,
		WindowFailures:      -1,
		WindowSlow:          -1,
		Stuck:               -1,
		Probes:              len(b.probes.leases),
		Openings:            b.openings,
		Suppressed:          b.suppressed,
		Expired:             b.expired,
		Dropped:             b.queue.dropped,
	}
	if b.openUntil != 0 {
		s.NextProbeAt = b.clock.Time(b.openUntil)
	}
	if r.consecutive > 0 {
		s.ConsecutiveFailures = int64(b.inRow)
	}
	if r.windowed() {
		b.windowStatsLocked(r, &s)
	}
	if r.stuck > 0 {
		s.Stuck = int64(b.flight.old)
	}
	b.mu.Unlock()
	b.counts.snapshot(&s)
	return s
}

func (b *Breaker) windowStatsLocked(r *rules, s *Stats) {
	t := b.measuredLocked()
	if r.last > 0 || r.tallies() {
		s.WindowCalls = int64(t.calls) // #nosec G115 -- far below
	}
	s.WindowFailures = int64(t.failed) // #nosec G115 -- far below
	if r.slow.ratio > 0 {
		s.WindowSlow = int64(t.slow) // #nosec G115 -- far below
	}
}

// snapshot reads what has ended before what was admitted, so that InFlight is
// never negative.
func (c *counts) snapshot(s *Stats) {
	if c == nil {
		s.Successes, s.Failures, s.Ignored, s.Late, s.InFlight, s.Rejected = -1, -1, -1, -1, -1, -1
		return
	}
	s.Successes = c.ended[Success].Load()
	s.Failures = c.ended[Failure].Load()
	s.Ignored = c.ended[Ignored].Load()
	s.Late = c.late.Load()
	s.Rejected = c.rejected.Load()
	s.InFlight = c.admitted.Load() - s.Successes - s.Failures - s.Ignored
}
