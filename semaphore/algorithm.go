package semaphore

import (
	"fmt"
	"math"
)

// observation is what one window saw.
type observation struct {
	limit     float64
	inFlight  float64 // most calls under way, at most limit
	saturated bool    // calls used the whole limit
	dropped   bool    // too many calls were dropped
	latency   float64 // ns; 0 if none succeeded
	baseline  float64 // ns
	noise     float64 // how far latency may be off, in proportion, by chance
	starting  bool    // no queue was ever seen
	streak    int     // windows in a row that raised the limit
}

// idle reports whether so few calls were under way that they say nothing about
// the limit.
func (o *observation) idle() bool { return o.inFlight < o.limit/2 }

// queued reports whether calls took so long that they must have waited for each
// other.
func (o *observation) queued() bool {
	if o.starting { // windows are small, and doubling shows soon enough
		return o.latency > o.baseline*(1.3+o.noise)
	}
	return o.latency > o.baseline*(1+tolerance+o.noise)
}

// headroom is how far a limit may stand above what was measured: its root, so that
// large limits are approached with small steps, and at most a fifteenth, so that it
// stays near the knee.
func headroom(limit float64) float64 { return min(math.Sqrt(limit), limit/15) }

// raise is the next limit of a window without a queue. It stays where it is if
// calls did not use it: what nobody tried says nothing. A first search doubles.
// One that clearly found no queue for patience windows, because the knee has
// moved, takes larger and larger steps: step in proportion, twice step, up to most.
func (o *observation) raise(patience int, step, most float64) float64 {
	switch {
	case !o.saturated:
		return o.limit
	case o.starting:
		return 2 * o.limit
	case o.streak >= patience && o.latency < o.baseline*(1+(tolerance+o.noise)/2):
		return o.limit * (1 + min(most, step*float64(o.streak-patience+1)))
	}
	return o.limit + max(1, headroom(o.limit))
}

// algorithm finds the next limit. It is a value without state.
type algorithm interface{ next(o observation) float64 }

// gradient goes where, by Little's law, the queue would be as long as the
// tolerance allows.
type gradient struct{}

func (gradient) next(o observation) float64 {
	if o.latency == 0 || o.idle() {
		return o.limit
	}
	if !o.queued() {
		return o.raise(searching-1, 0.4, 0.9)
	}
	aim := o.inFlight * o.baseline * (1 + tolerance) / o.latency
	aim += headroom(aim)
	if aim > o.limit*0.7 {
		aim = (aim + o.limit) / 2 // what is near may be noise
	}
	// Step by step: a window may say too much, above all one that saw a change begin.
	return min(max(aim, o.limit*0.7), o.limit)
}

// aimd adds while there is no queue and multiplies by ratio when there is one.
type aimd struct{ ratio float64 }

func (a aimd) next(o observation) float64 {
	switch {
	case o.latency == 0 || o.idle():
		return o.limit
	case !o.queued():
		return o.raise(searching, 0.1, 0.5)
	}
	return o.inFlight * a.ratio
}

// Gradient is the default of [NewAdaptive]: it goes to the limit that the
// measurements point at in one step, from above and from below.
func Gradient() Option {
	return optionFunc(func(c *config) {
		c.must("Gradient", "NewAdaptive")
		c.algorithm = gradient{}
	})
}

// AIMD makes an [Adaptive] raise its limit step by step (additive increase) and
// multiply it by ratio (multiplicative decrease) when calls take a fifth longer
// than the baseline. It needs no trust in how latency grows with load, and
// swings around the knee. 0.9 is a good ratio.
func AIMD(ratio float64) Option {
	if !(ratio >= 0.1 && ratio < 1) {
		panic(fmt.Sprintf("semaphore: AIMD ratio must be at least 0.1 and below 1, got %v", ratio))
	}
	return optionFunc(func(c *config) {
		c.must("AIMD", "NewAdaptive")
		c.algorithm = aimd{ratio}
	})
}
