package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/rejection"
)

// Adaptive is a limiter that finds the rate by itself, between two bounds: it
// speeds up while calls succeed and slows down when the server says that it is
// too much. Make it with [NewAdaptive]; it must not be copied, and it is safe for
// concurrent use.
//
// It begins at the lower bound and doubles each second until it is first told to
// slow down. From then on it adds a little each second and, when told to slow
// down, goes back to 0.7 of the rate (additive increase, multiplicative decrease:
// D. Chiu, R. Jain, "Analysis of the Increase and Decrease Algorithms for
// Congestion Avoidance in Computer Networks"). Answers to calls that were under
// way at a cut say nothing about the new rate, so for a moment no other cut
// follows. It speeds up only as far as calls succeed: an idle limiter learns
// nothing.
//
// A Retry-After is a floor for the next call, apart from the rate: nothing starts
// before it is over.
type Adaptive struct {
	l        *Limiter
	cfg      adaptiveConfig
	low, top float64 // tokens a second

	mu     sync.Mutex
	rate   float64 // what it would be by now; guarded by mu as all below
	grown  int64   // the reading of the clock up to which it has grown
	cut    int64   // the reading of the last cut
	capped bool    // it was cut once: the limit is near
}

// AdaptiveOption changes how an Adaptive finds its rate.
type AdaptiveOption interface{ applyAdaptive(*adaptiveConfig) }

type adaptiveFunc func(*adaptiveConfig)

func (f adaptiveFunc) applyAdaptive(c *adaptiveConfig) { f(c) }

type adaptiveConfig struct {
	burst     int
	growth    Rate
	grows     bool
	backoff   float64
	settle    time.Duration
	throttled func(error) (time.Duration, bool)
	limiter   []Option
}

// AdaptiveBurst sets the burst; by default 1, which spaces calls evenly.
func AdaptiveBurst(n int) AdaptiveOption {
	checkBurst(n)
	return adaptiveFunc(func(c *adaptiveConfig) { c.burst = n })
}

// Growth sets by how much the rate grows in a second while calls succeed; by
// default by a fiftieth of the upper bound.
func Growth(r Rate) AdaptiveOption {
	if r.count == 0 || r == Unlimited {
		panic(fmt.Sprintf("ratelimit: Growth must be a rate above 0 and below Unlimited, got %v", r))
	}
	return adaptiveFunc(func(c *adaptiveConfig) { c.growth, c.grows = r, true })
}

// Backoff sets what is left of the rate after a cut; by default 0.7.
func Backoff(factor float64) AdaptiveOption {
	if !(factor > 0 && factor < 1) {
		panic(fmt.Sprintf("ratelimit: Backoff must be between 0 and 1, got %v", factor))
	}
	return adaptiveFunc(func(c *adaptiveConfig) { c.backoff = factor })
}

// Settle sets how long after a cut no other follows: about as long as a call
// takes. By default 1 s.
func Settle(d time.Duration) AdaptiveOption {
	if d < 0 {
		panic(fmt.Sprintf("ratelimit: Settle must be at least 0, got %v", d))
	}
	return adaptiveFunc(func(c *adaptiveConfig) { c.settle = d })
}

// ThrottledBy tells Do which errors say that it was too much, and for how long to
// stop, 0 if that is unknown. By default it is those with a method
// RetryAfter() time.Duration that returns more than 0.
func ThrottledBy(f func(error) (time.Duration, bool)) AdaptiveOption {
	if f == nil {
		panic("ratelimit: ThrottledBy must not be nil")
	}
	return adaptiveFunc(func(c *adaptiveConfig) { c.throttled = f })
}

// NewAdaptive returns a limiter between two rates. Options of a [Limiter] can be
// given, too. It panics if low is not above 0 or high is not above low.
func NewAdaptive(low, high Rate, opts ...AdaptiveOption) *Adaptive {
	if low.count == 0 || high == Unlimited || high.PerSecond() <= low.PerSecond() {
		panic(fmt.Sprintf("ratelimit: the rates of NewAdaptive must be above 0, below Unlimited and the second above the first, got %v and %v", low, high))
	}
	cfg := adaptiveConfig{burst: 1, backoff: 0.7, settle: time.Second, throttled: rejection.After}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("ratelimit: an option must not be nil, number %d is; leave it out", i))
		}
		o.applyAdaptive(&cfg)
	}
	a := &Adaptive{
		l: New(low, cfg.burst, cfg.limiter...), cfg: cfg,
		low: low.PerSecond(), top: high.PerSecond(), rate: low.PerSecond(), cut: -int64(cfg.settle),
	}
	if !cfg.grows {
		a.cfg.growth = PerSecond(a.top / 50)
	}
	return a
}

// longestStep bounds how much the rate grows at one success, so that the first
// after a pause does not count for all the time of the pause.
const longestStep = time.Second / 4

// made returns the limiter.
func (a *Adaptive) made() *Limiter {
	mustBeMade(a.l != nil, "Adaptive", "NewAdaptive")
	return a.l
}

// Success says that a call went well.
func (a *Adaptive) Success() {
	now := a.made().clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	step := time.Duration(min(now-a.grown, int64(longestStep))).Seconds()
	a.grown = now
	if step <= 0 || a.rate >= a.top {
		return
	}
	if a.capped {
		a.rate += a.cfg.growth.PerSecond() * step
	} else {
		a.rate *= 1 + step
	}
	a.rate = min(a.rate, a.top)
	// A new cell for each success would cost more than it is worth.
	if have := a.Rate().PerSecond(); a.rate >= have*1.01 || a.rate >= a.top {
		a.made().SetRate(PerSecond(a.rate))
	}
}

// Throttled says that the server refused a call because there are too many (429,
// 503), and for how long it asks to stop, 0 if it does not say.
func (a *Adaptive) Throttled(retryAfter time.Duration) {
	now := a.made().clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grown = now
	if now-a.cut >= int64(a.cfg.settle) {
		a.cut, a.capped = now, true
		a.rate = max(min(a.rate, a.Rate().PerSecond())*a.cfg.backoff, a.low)
		a.made().SetRate(PerSecond(a.rate))
	}
	if retryAfter > 0 {
		a.made().Observe(0, retryAfter)
	}
}

// Allow is [Limiter.Allow].
func (a *Adaptive) Allow() bool { return a.made().Allow() }

// AllowN is [Limiter.AllowN].
func (a *Adaptive) AllowN(n int) bool { return a.made().AllowN(n) }

// Take is [Limiter.Take].
func (a *Adaptive) Take(n int) Decision { return a.made().Take(n) }

// Wait is [Limiter.Wait].
func (a *Adaptive) Wait(ctx context.Context) error { return a.made().Wait(ctx) }

// WaitN is [Limiter.WaitN].
func (a *Adaptive) WaitN(ctx context.Context, n int) error { return a.made().WaitN(ctx, n) }

// Observe is [Limiter.Observe].
func (a *Adaptive) Observe(remaining int, reset time.Duration) { a.made().Observe(remaining, reset) }

// Rate returns the rate of the moment.
func (a *Adaptive) Rate() Rate { return a.made().Rate() }

// Stats returns a snapshot of the limiter.
func (a *Adaptive) Stats() Stats { return a.made().Stats() }

// Do waits for a token, runs fn on this goroutine and learns from its error; see
// [ThrottledBy]. An error of another kind, a panic or a Goexit says nothing.
func (a *Adaptive) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := a.Wait(ctx); err != nil {
		return err
	}
	err := fn(ctx)
	if err == nil {
		a.Success()
	} else if after, ok := a.cfg.throttled(err); ok {
		a.Throttled(after)
	}
	return err
}
