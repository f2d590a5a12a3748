package ratelimit

import (
	"fmt"
	"time"
)

// Option changes how a limiter works, alone, as one of [NewKeyed] or under an
// [Adaptive].
type Option interface {
	apply(*config)
	KeyedOption
	AdaptiveOption
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config)                 { f(c) }
func (f optionFunc) applyKeyed(c *keyedConfig)       { c.limiter = append(c.limiter, f) }
func (f optionFunc) applyAdaptive(c *adaptiveConfig) { c.limiter = append(c.limiter, f) }

type config struct {
	maxWaiters int           // -1: no bound
	maxWait    time.Duration // 0: no bound
	longWait   time.Duration
	initial    int64 // -1: a full bucket
	debt       bool
	counted    bool
	ramp       *ramp // nil without WarmUp
	events     Events
}

func newConfig(opts []Option) config {
	c := config{maxWaiters: -1, longWait: time.Second, initial: -1}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("ratelimit: an option must not be nil, number %d is; leave it out", i))
		}
		o.apply(&c)
	}
	return c
}

// MaxWaiters bounds the queue: who would be one more gets [ErrQueueFull]. With
// 0 nobody waits. By default the queue has no bound of its own; it holds one
// entry for each goroutine that is blocked in a Wait.
func MaxWaiters(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("ratelimit: MaxWaiters must be at least 0, got %d", n))
	}
	return optionFunc(func(c *config) { c.maxWaiters = n })
}

// MaxWait bounds how long a caller waits: who would wait longer gets
// [ErrWouldExceedMaxWait] at once, and so does one in the queue whom SetRate
// puts beyond it. Where the deadline of its context is earlier, that counts.
func MaxWait(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("ratelimit: MaxWait must be positive, got %v; to never wait, use Allow or MaxWaiters(0)", d))
	}
	return optionFunc(func(c *config) { c.maxWait = d })
}

// InitialTokens puts n tokens into the bucket at the beginning, at most the
// burst, instead of filling it.
func InitialTokens(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("ratelimit: InitialTokens must be at least 0, got %d", n))
	}
	return optionFunc(func(c *config) { c.initial = int64(n) })
}

// Debt lets a request take more tokens than the burst: it is granted when the
// bucket is full and leaves it that far below empty. Those who come after it
// wait until the debt is paid. So the long-run rate holds, and a window may
// exceed burst by what one request exceeds it.
func Debt() Option { return optionFunc(func(c *config) { c.debt = true }) }

// WarmUp makes the limiter begin at a third of its rate, which rises evenly to
// the whole within d: what is behind it may need to fill its caches first. The
// bucket begins as full as without; see [InitialTokens].
func WarmUp(d time.Duration) Option {
	if d <= 0 || d > maxWarmUp {
		panic(fmt.Sprintf("ratelimit: WarmUp must be positive and at most %v, got %v", maxWarmUp, d))
	}
	return optionFunc(func(c *config) { c.ramp = &ramp{int64(d)} })
}

// Counted makes Stats count the decisions, at the cost of one more atomic add
// for each, and two for a grant of several tokens.
func Counted() Option { return optionFunc(func(c *config) { c.counted = true }) }

// LongWait sets from which wait on [Events.LongWait] is called; by default 1 s.
func LongWait(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("ratelimit: LongWait must be positive, got %v", d))
	}
	return optionFunc(func(c *config) { c.longWait = d })
}

// On registers events. A later On replaces an earlier one.
func On(e Events) Option { return optionFunc(func(c *config) { c.events = e }) }
