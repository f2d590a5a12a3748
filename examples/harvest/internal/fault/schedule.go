// Package fault makes a web service misbehave on a schedule that a seed fixes:
// slow answers, errors, dropped connections, and outages.
package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is what goes wrong with one request.
type Kind int

// What can go wrong, from nothing to the answer that never comes although the
// work was done.
const (
	None        Kind = iota
	Slow             // the work is done, the answer takes long
	Unavailable      // 503 with Retry-After, nothing done
	Internal         // 500 without Retry-After, nothing done
	DropBefore       // the connection is closed, nothing done
	DropAfter        // the connection is closed, the work was done
)

// String returns the kind in a word or two.
func (k Kind) String() string {
	names := [...]string{"none", "slow", "answered 503", "answered 500", "dropped", "dropped after storing"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Fault is what happens to one request.
type Fault struct {
	Kind  Kind
	Delay time.Duration // of the answer, where Kind is Slow; the advised wait, where it is Unavailable
}

// Outage is a time in which no request is answered at all: every connection is
// closed. It begins with request number At (from 1) and lasts For.
type Outage struct {
	At  int64
	For time.Duration
}

// Profile says how often what goes wrong. The shares are of all requests,
// between 0 and 1, and add up to 1 at most.
type Profile struct {
	Slow, Unavailable, Internal, DropBefore, DropAfter float64
	SlowMin, SlowMax                                   time.Duration
	Outages                                            []Outage
}

// profiles are what -faults chooses from.
func profiles() map[string]Profile {
	return map[string]Profile{
		"none": {},
		"default": {
			Slow: 0.05, Unavailable: 0.02, Internal: 0.03, DropBefore: 0.02, DropAfter: 0.02,
			SlowMin: 100 * time.Millisecond, SlowMax: 1200 * time.Millisecond,
			Outages: []Outage{{At: 150, For: 1500 * time.Millisecond}},
		},
		"harsh": {
			Slow: 0.10, Unavailable: 0.04, Internal: 0.10, DropBefore: 0.06, DropAfter: 0.06,
			SlowMin: 100 * time.Millisecond, SlowMax: 1500 * time.Millisecond,
			Outages: []Outage{{At: 12, For: 1200 * time.Millisecond}, {At: 150, For: 2 * time.Second}},
		},
	}
}

// Named returns the profile of that name: none, default or harsh.
func Named(name string) (Profile, error) {
	p, ok := profiles()[name]
	if !ok {
		return Profile{}, fmt.Errorf("%q is none of %s", name, strings.Join(Names(), ", "))
	}
	return p, nil
}

// Names lists the profiles, sorted.
func Names() []string {
	var names []string
	for name := range profiles() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Schedule tells the fault of each request by its number. It depends on the
// seed and the number alone, so two runs with one seed meet the same faults
// whatever the order in which their requests are answered. Safe for concurrent
// use.
type Schedule struct {
	profile Profile
	seed    uint64
}

// NewSchedule fixes a profile with a seed.
func NewSchedule(p Profile, seed uint64) Schedule { return Schedule{profile: p, seed: seed} }

// At returns the fault of request n, counted from 1, outages aside.
func (s Schedule) At(n int64) Fault {
	p := s.profile
	r := rand.New(rand.NewPCG(s.seed, uint64(n))) // #nosec G404 G115 -- a schedule to repeat, not a secret
	x := r.Float64()
	for _, c := range []struct {
		kind  Kind
		share float64
	}{{Slow, p.Slow}, {Unavailable, p.Unavailable}, {Internal, p.Internal}, {DropBefore, p.DropBefore}, {DropAfter, p.DropAfter}} {
		if x >= c.share {
			x -= c.share
			continue
		}
		return Fault{Kind: c.kind, Delay: s.delay(c.kind, r.Float64())}
	}
	return Fault{}
}

// delay maps x in [0, 1) to a time. Its square makes a tail: most slow answers
// are near SlowMin, few near SlowMax.
func (s Schedule) delay(k Kind, x float64) time.Duration {
	switch k {
	case Slow:
		span := s.profile.SlowMax - s.profile.SlowMin
		return s.profile.SlowMin + time.Duration(x*x*float64(span))
	case Unavailable:
		return time.Second // the header counts whole seconds
	}
	return 0
}
