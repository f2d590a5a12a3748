package breaker

import (
	"context"
	"fmt"
	"time"
)

// Option changes how a breaker works. Of two options of one kind the later
// counts. A nil one panics.
type Option interface {
	KeyedOption
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config)           { f(c) }
func (f optionFunc) applyKeyed(k *keyedConfig) { k.breaker = append(k.breaker, f) }

type config struct {
	rules          rules
	openFor        time.Duration
	openMax        time.Duration // 0: the open time does not grow
	jitter         float64
	retryAfterMax  time.Duration // 0: not asked
	probes         int
	closeRatio     uint64 // millionths
	lease          time.Duration
	halfOpenFor    time.Duration // 0: no bound
	ramp           time.Duration
	classify       func(context.Context, error) Outcome
	ignoreDeadline bool
	events         Events
	counted        bool
	initial        State
	quota          *quota // of a Keyed
}

// What New uses where no option says otherwise. The rules have defaults of their
// own, see rules.complete.
const (
	defaultOpenFor = 5 * time.Second
	defaultProbes  = 1
	defaultLease   = 10 * time.Second
)

func newConfig(opts []Option) *config {
	c := &config{openFor: defaultOpenFor, probes: defaultProbes, closeRatio: million, lease: defaultLease}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("breaker: an option must not be nil, number %d is; leave it out", i))
		}
		o.apply(c)
	}
	c.rules.complete()
	if c.openMax > 0 && c.openMax < c.openFor {
		panic(fmt.Sprintf("breaker: OpenGrowth must be at least the %v of OpenFor, got %v", c.openFor, c.openMax))
	}
	return c
}

// need returns how many probes have to succeed: the share, rounded up.
func (c *config) need() int {
	n := uint64(c.probes)                                // #nosec G115 -- positive
	return int((n*c.closeRatio + million - 1) / million) // #nosec G115 -- at most n
}

// OpenFor sets how long the breaker stays open before it lets a probe through;
// 5 seconds by default.
func OpenFor(d time.Duration) Option {
	mustBePositive("OpenFor", d)
	return optionFunc(func(c *config) { c.openFor = d })
}

// OpenGrowth doubles the open time with each opening that belongs to the same
// outage, from OpenFor up to limit. An outage is over once the breaker has been
// closed for at least as long as it was open before.
func OpenGrowth(limit time.Duration) Option {
	mustBePositive("OpenGrowth", limit)
	return optionFunc(func(c *config) { c.openMax = limit })
}

// OpenJitter makes each open time longer by a random part, up to ratio times
// the whole, so that many clients do not come back at once. The ratio is above
// 0 and at most 1.
func OpenJitter(ratio float64) Option {
	millionths("OpenJitter", ratio)
	return optionFunc(func(c *config) { c.jitter = ratio })
}

// HonorRetryAfter lets the server say how long to stay open. If the error of a
// failure has a method RetryAfter() time.Duration that returns more than 0, it
// asks not to be called until then; the last one to ask before an opening sets
// its open time, be that shorter or longer than OpenFor, but it asks for limit
// at most. OpenJitter comes on top.
func HonorRetryAfter(limit time.Duration) Option {
	mustBePositive("HonorRetryAfter", limit)
	return optionFunc(func(c *config) { c.retryAfterMax = limit })
}

// HalfOpenProbes sets how many calls a half-open breaker lets through, at once
// and in all, to decide whether to close; 1 by default.
func HalfOpenProbes(n int) Option {
	between("HalfOpenProbes", n, 1, 10_000)
	return optionFunc(func(c *config) { c.probes = n })
}

// CloseRatio sets which share of the probes has to succeed to close the
// breaker, above 0 and at most 1; by default all have to. The breaker decides
// as soon as the answer is certain.
func CloseRatio(ratio float64) Option {
	m := millionths("CloseRatio", ratio)
	return optionFunc(func(c *config) { c.closeRatio = m })
}

// ProbeLease sets how long a probe may take; 10 seconds by default. One that
// has not reported then is a failure, and what it reports later counts nowhere.
// Choose it longer than the timeout of the calls.
func ProbeLease(d time.Duration) Option {
	mustBePositive("ProbeLease", d)
	return optionFunc(func(c *config) { c.lease = d })
}

// HalfOpenFor bounds the time in half-open: a breaker that has not decided then
// opens again. By default it waits for its probes, however long none comes. As
// this goes to and fro for as long as nobody calls, it is at least 1 ms.
func HalfOpenFor(d time.Duration) Option {
	atLeast("HalfOpenFor", d, time.Millisecond)
	return optionFunc(func(c *config) { c.halfOpenFor = d })
}

// RampUp makes admission grow after the breaker has closed: from one call in
// ten to all of them over d, in ten even steps. A call that is not admitted
// gets an [*OpenError] with the state Closed.
func RampUp(d time.Duration) Option {
	mustBePositive("RampUp", d)
	return optionFunc(func(c *config) { c.ramp = d })
}

// Classify replaces [DefaultOutcome]. It is called when a call has ended, with
// the context of its acquisition and its error, nil included; not for a call
// that panicked or exited, which is a failure. If it panics, so is the call.
func Classify(f func(ctx context.Context, err error) Outcome) Option {
	if f == nil {
		panic("breaker: Classify must not be nil; leave it out")
	}
	return optionFunc(func(c *config) { c.classify = f })
}

// IgnoreDeadline makes a call that failed while the deadline of the context it
// was acquired with had passed an ignored one, as if the caller had cancelled
// it. A timeout that was set further inside stays a failure. It has no effect
// beside Classify.
func IgnoreDeadline() Option { return optionFunc(func(c *config) { c.ignoreDeadline = true }) }

// Counted makes Stats count calls by outcome, in flight and rejected, at the
// cost of two atomic additions for each call.
func Counted() Option { return optionFunc(func(c *config) { c.counted = true }) }

// Initially sets the state that a breaker begins in. Open begins an open time
// of OpenFor; HalfOpen asks the first calls. It is not told as a change.
func Initially(s State) Option {
	if s > HalfOpen {
		panic(fmt.Sprintf("breaker: Initially must be Closed, Open or HalfOpen, got %v", s))
	}
	return optionFunc(func(c *config) { c.initial = s })
}

// On registers events. A later On replaces an earlier one.
func On(e Events) Option { return optionFunc(func(c *config) { c.events = e }) }
