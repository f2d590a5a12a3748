package semaphore

import (
	"math"
	"sync"
	"time"
)

// control is what an Adaptive knows of its backend, and decides.
type control struct {
	lowest, highest float64
	algorithm       algorithm
	maxBaseline     float64 // ns; 0: no bound
	on              func(LimitChange)

	mu sync.Mutex
	// The rest is guarded by mu.
	limit    float64 // the limit in force is its integer part
	baseline float64 // ns; what a call takes without a queue. 0: not known yet
	latency  float64 // ns; mean of the last window
	win      window
	changed  int64 // when the limit last changed
	old      int64 // calls under way that began before that
	oldMay   int64 // as many of those as may be left when the next window begins
	starting bool  // doubling, until calls wait for the first time
	streak   int   // windows in a row that raised the limit

	probed    int64   // when the last probe ended
	probing   float64 // the limit to go back to; 0: no probe
	probeTrip float64 // the latency before the probe
	thought   float64 // the baseline before the probe
	gap       int64   // until the next one
	cutFrom   float64 // limit when a queue was first seen; 0: there is none
	cutTrip   float64 // and the latency then
	outcomes  [3]int64
	windows   int64
	news      changes
}

// window collects what calls say until it is enough to decide.
type window struct {
	began   int64
	n       int64 // that succeeded
	sum     float64
	dropped int64
	peak    int64 // most calls under way
}

const (
	minWindow  = int64(200 * time.Millisecond)
	maxWindow  = int64(5 * time.Second) // a slower one starts anew, so that it does not mix the times before and after a pause
	probeEvery = int64(5 * time.Second) // up to four times as long while probes bring nothing new

	// probeCut must lead below the knee from where the limit settles, which is
	// at most 25 % above it, and not so far that it costs much.
	probeCut = 0.75
	// dropCut is what more than one dropped call in dropShare costs.
	dropCut, dropShare = 0.8, 20
	// tolerance is how much above the baseline is no queue yet, but noise.
	tolerance = 0.1
	// searching is after how many raises in a row the steps become larger.
	searching = 3
)

func (c *control) start(lowest, highest, first int64, cfg *config) {
	c.lowest, c.highest, c.limit = float64(lowest), float64(highest), float64(first)
	c.maxBaseline, c.on = float64(cfg.maxBaseline), cfg.events.LimitChanged
	if c.algorithm = cfg.algorithm; c.algorithm == nil {
		c.algorithm = gradient{}
	}
	c.starting, c.gap = true, probeEvery
	c.win.began = -1
}

// learn takes the outcome of one call and reports whether there is news to tell.
func (c *control) learn(s *Semaphore, now, began, held int64, outcome Outcome) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[outcome]++
	if began < c.changed {
		c.old--
		if outcome == Dropped {
			return false // it speaks of a limit that was changed since
		}
	}
	if outcome == Ignored || c.settling(now) {
		return false
	}
	w := &c.win
	if w.began < 0 || now-w.began > c.atLeast(maxWindow, 20) {
		*w = window{began: now}
	}
	w.peak = max(w.peak, held)
	if outcome == Dropped {
		w.dropped++
	} else {
		w.n++
		w.sum += float64(now - began)
	}
	if !c.enough(now) {
		return false
	}
	c.decide(s, now)
	return c.on != nil
}

// settling reports whether calls are still about that queued up under the limit
// before this one: they are no measure of it. Some may never end.
func (c *control) settling(now int64) bool {
	return c.old > c.oldMay && now-c.changed < c.atLeast(minWindow, 4)
}

// atLeast returns d, or so many times the latency of a call if that is longer.
func (c *control) atLeast(d int64, calls float64) int64 {
	return max(d, int64(calls*c.latency))
}

// enough reports whether the window says enough to decide: a certain number of
// calls, more of them the higher the limit, and some time, since calls that
// began together also end together.
func (c *control) enough(now int64) bool {
	w := &c.win
	took := now - w.began
	if took < minWindow || w.n > 0 && float64(took) < 2*w.sum/float64(w.n) {
		return false
	}
	need := int64(25 + 3*c.limit)
	switch {
	case c.probing > 0:
		need += 30
	case c.streak >= searching-1: // a step that goes too far shows soon enough
		need = int64(10 + c.limit)
	}
	// A low rate must not keep a decision waiting for ever.
	return w.n+w.dropped >= min(need, 500) || took > int64(2*time.Second) && w.n+w.dropped >= 10
}

// decide ends the window. mu is held.
func (c *control) decide(s *Semaphore, now int64) {
	w := c.win
	c.win = window{began: -1}
	c.windows++
	old := c.limit
	o := observation{
		limit:     c.limit,
		inFlight:  min(float64(w.peak), c.limit),
		saturated: w.peak >= int64(c.limit),
		dropped:   w.dropped*dropShare > w.n+w.dropped,
		starting:  c.starting,
		streak:    c.streak,
	}
	if w.n > 0 {
		c.latency = w.sum / float64(w.n)
		o.noise = 0.4 / math.Sqrt(float64(w.n))
		c.learnBaseline(&o, now)
		o.latency, o.baseline, o.streak = c.latency, c.baseline, c.streak
	}
	switch {
	case c.probing > 0 && !o.dropped:
		c.probe(now)
	case c.mustProbe(&o, now):
		c.probing, c.probeTrip, c.thought, c.limit = c.limit, c.latency, c.baseline, c.limit*probeCut
	default:
		c.probing = 0
		c.follow(&o, c.algorithm.next(o))
	}
	c.limit = min(max(c.limit, c.lowest), c.highest)
	c.apply(s, now, old, o.dropped)
}

// follow goes to the limit that the algorithm wants.
func (c *control) follow(o *observation, limit float64) {
	if o.dropped {
		limit = min(limit, max(o.inFlight, 1)*dropCut)
	}
	switch {
	case !o.queued() || !o.saturated:
		c.cutFrom = 0
	case c.cutFrom == 0 || c.latency > 1.1*c.cutTrip: // the queue still grows
		c.cutFrom, c.cutTrip = c.limit, c.latency
	}
	if limit > c.limit {
		c.streak++
	} else {
		c.streak = 0
	}
	if limit < c.limit || o.queued() {
		c.starting = false
	}
	c.limit = limit
}

// disproved reports whether the limit was lowered because of a queue and the
// latency did not fall with it, as that of a queue of our own does: in
// proportion. Then the baseline is out of date, and the latency is that of the
// backend.
func (c *control) disproved(o *observation) bool {
	return c.cutFrom > 0 && o.saturated && c.limit < 0.85*c.cutFrom && c.latency < 1.1*c.cutTrip &&
		c.latency*c.cutFrom > (1.2+2*o.noise)*c.cutTrip*c.limit
}

// apply puts the limit into force.
func (c *control) apply(s *Semaphore, now int64, old float64, dropped bool) {
	from, to := int64(old), int64(c.limit)
	if from == to {
		return
	}
	c.changed, c.old = now, s.Held() // the next window begins when all but a few of these are gone
	c.oldMay = c.old / 20
	s.SetLimit(to)
	if c.on != nil {
		c.news.add(LimitChange{
			From: from, To: to, Dropped: dropped, Probe: c.probing > 0,
			Latency: time.Duration(c.latency), Baseline: time.Duration(c.baseline),
		})
	}
}

// mustProbe reports whether it is time to see what a call takes without the
// queue that our own limit may cause.
func (c *control) mustProbe(o *observation, now int64) bool {
	return now-c.probed >= c.atLeast(c.gap, 20) && o.saturated && !o.dropped && !c.starting &&
		c.limit*probeCut >= c.lowest && o.latency < 1.4*o.baseline
}

// learnBaseline moves the baseline, down with ease and up on evidence only: a
// latency that rose is taken for a queue of our own until lowering the limit
// has shown that it is not.
func (c *control) learnBaseline(o *observation, now int64) {
	switch {
	case c.baseline == 0:
		c.baseline, c.probed = c.latency, now
	case c.probing > 0:
		c.learnFromProbe()
	case c.latency < 0.8*c.baseline:
		c.baseline = c.latency
		if !c.starting {
			c.probeSoon(now) // it may be that of a queue which is shorter by now
		}
	case c.starting && c.latency < 1.3*c.baseline, // small windows, much noise
		o.saturated && c.limit < c.lowest+1: // our own queue cannot be made shorter
		c.baseline += 0.3 * (c.latency - c.baseline)
	case c.latency < c.baseline:
		c.baseline += 0.1 * (c.latency - c.baseline)
	case c.disproved(o):
		c.baseline, c.cutFrom = c.latency, 0
		c.probeSoon(now)
		c.streak = searching // the cuts were a mistake: go back up fast
	}
	if c.maxBaseline > 0 {
		c.baseline = min(c.baseline, c.maxBaseline)
	}
}

// probeSoon is called when the baseline has jumped: a probe is to make sure.
func (c *control) probeSoon(now int64) {
	c.gap, c.probed = probeEvery, now-c.atLeast(probeEvery, 20)+5*minWindow
}

// learnFromProbe is learnBaseline with the limit lowered by a quarter.
func (c *control) learnFromProbe() {
	switch {
	case c.latency < 0.8*c.baseline:
		c.baseline = c.latency
	case c.latency < c.baseline || !c.fell():
		// This is what a call takes, give or take some noise. To take only the lower
		// ones as they are would lead below it, and a free backend would seem queued.
		c.baseline += 0.5 * (c.latency - c.baseline)
	}
}

// fell reports whether the latency fell as far as the probe lowered the limit.
// Then it was, and may still be, that of a queue of our own.
func (c *control) fell() bool { return c.latency < 0.82*c.probeTrip }

// probe goes on with a probe: further down while the latency falls, else back.
func (c *control) probe(now int64) {
	if lower := c.limit * probeCut; c.fell() && lower >= c.lowest {
		c.limit, c.probeTrip = lower, c.latency
		return
	}
	c.limit, c.probing, c.probed = c.probing, 0, now
	if c.latency < 0.85*c.thought || c.latency > 1.15*c.thought {
		c.gap = probeEvery
	} else {
		c.gap = min(c.gap*3/2, 4*probeEvery)
	}
}
