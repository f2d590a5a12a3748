package retry

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/rejection"
)

// A policy that hedges without a budget hedges a tenth of the attempts, and ten
// a second at the least.
const (
	hedgeRatio = 0.1
	hedgeFloor = 10
)

// Hedge starts a second run of an attempt that has not returned after delay,
// beside the first. The first run to succeed wins: the other is cancelled by its
// context and awaited, so nothing of a call goes on after it, and work that
// ignores its context gains nothing from hedging. If one fails the other decides,
// and an attempt has failed when both have.
//
// Only work that may run twice at once can be hedged. Both runs see the same
// [Attempt]. The context of a run ends with the attempt: what is to be read
// later, as the body of a response, must be read by then.
//
// The first run is on the caller's goroutine; a panic or runtime.Goexit there
// passes untouched. One of the second run is repeated there, a panic as a
// [*PanicError]. Either way the other run is cancelled and awaited first.
//
// Every hedge spends a retry of the [Budget]. Without one the policy hedges at
// most a tenth of its attempts, and ten a second. [Policy.Begin] does not hedge.
// It costs a timer and two contexts for each attempt.
func Hedge(delay time.Duration) Option {
	checkPositive("the delay of Hedge", delay)
	return optionFunc(func(c *config) { c.hedge = &hedge{delay: delay} })
}

// HedgeQuantile is [Hedge] with a delay that follows what attempts take: it is
// the q-quantile (0.95 hedges about one attempt in twenty) of what the last 256
// first runs took that succeeded. One that was cut off, by the success of the
// second or by [AttemptTimeout], counts with twice the time it had. Until 32 are
// known the delay is initial.
func HedgeQuantile(q float64, initial time.Duration) Option {
	if !(q > 0 && q < 1) {
		panic(fmt.Sprintf("retry: the quantile of HedgeQuantile must be between 0 and 1, got %v", q))
	}
	checkPositive("the initial delay of HedgeQuantile", initial)
	return optionFunc(func(c *config) { c.hedge = &hedge{delay: initial, quantile: q} })
}

// hedge starts a second run of an attempt that is slow.
type hedge struct {
	delay    time.Duration
	quantile float64    // 0: delay is fixed
	recent   *latencies // nil: delay is fixed
	budget   *Budget
	own      bool // budget is of this policy alone, and for hedges
	clock    mono.Clock
	counts   *counts
}

// of returns the hedge of one policy: an option may be used for several.
func (h *hedge) of(p *Policy) *hedge {
	out := &hedge{delay: h.delay, quantile: h.quantile, budget: p.cfg.budget, clock: p.clock, counts: &p.counts}
	if out.budget == nil {
		out.budget, out.own = NewBudget(hedgeRatio, hedgeFloor), true
	}
	if h.quantile > 0 {
		out.recent = newLatencies(h.quantile)
	}
	return out
}

// after returns how slow the first run may be.
func (h *hedge) after() time.Duration {
	if h.recent != nil {
		if d, ok := h.recent.quantile(); ok {
			return d
		}
	}
	return h.delay
}

// race is one attempt that may run twice. The first run is on the goroutine of
// the caller, so that its panic or Goexit passes untouched. The second is on
// that of a timer; what happens to it there is carried to the caller, who waits
// for it in every case.
type race struct {
	hedge  *hedge
	fn     func(context.Context) error
	delay  time.Duration
	joined bool
	second context.Context
	stop   [2]context.CancelFunc // of the runs
	winner atomic.Int32          // 1 or 2, 0 while nobody has succeeded
	done   chan struct{}         // closed when the timer's goroutine has nothing left to do

	// Written before done is closed.
	started bool
	err     error
	fault   *fault.Fault
}

// race makes the attempt that c is at.
func (c *Call) race(fn func(context.Context) error) error {
	cfg := &c.policy.cfg
	r := &race{hedge: cfg.hedge, fn: fn, done: make(chan struct{})}
	err := r.run(c)
	if r.started && cfg.events.Hedged != nil {
		cfg.events.Hedged(Hedged{Attempt: c.number(), Delay: r.delay, Won: r.winner.Load() == 2})
	}
	return err
}

// run runs fn once or twice and returns what the attempt comes to.
func (r *race) run(c *Call) error {
	h, ctx := r.hedge, c.Context()
	if h.own {
		h.budget.deposit()
	}
	first, stop := context.WithCancel(ctx)
	r.stop[0] = stop
	r.second, r.stop[1] = context.WithCancel(ctx)
	r.delay = h.after()
	begun := h.now()
	timer := time.AfterFunc(r.delay, r.runSecond)
	defer func() { // a panic or a Goexit that is passing waits for the other run too
		r.stopBoth()
		r.join(timer)
	}()

	err := r.fn(first)
	// A failure tells nothing of how long a success takes, and the end of the
	// caller's context neither.
	h.observe(begun, err == nil, r.winner.Load() == 2 || c.now.timedOut(c.policy.cfg.timeout))
	if err == nil && r.winner.CompareAndSwap(0, 1) {
		r.stop[1]()
	}
	r.join(timer)
	r.fault.Raise() // of the second
	if r.winner.Load() != 0 {
		return nil
	}
	return worse(err, r.err)
}

// runSecond is called by the timer, on a goroutine of its own.
func (r *race) runSecond() {
	defer close(r.done)
	if r.winner.Load() != 0 || r.second.Err() != nil || !r.hedge.budget.withdraw() {
		return
	}
	r.started = true
	r.hedge.counts.hedges.Add(1)
	fault.Catch(func() {
		r.err = r.fn(r.second)
	}, func(f *fault.Fault) {
		r.fault = f
		won := f == nil && r.err == nil && r.winner.CompareAndSwap(0, 2)
		if won {
			r.hedge.counts.hedgesWon.Add(1)
		}
		if won || f != nil {
			r.stop[0]()
		}
	})
}

// join waits until the second run has ended, or sees to it that it never
// begins. It may be called again.
func (r *race) join(timer *time.Timer) {
	if r.joined {
		return // Stop of a timer that was stopped is false, as of one that fired
	}
	if !timer.Stop() {
		<-r.done
	}
	r.joined = true
}

func (r *race) stopBoth() {
	r.stop[0]()
	r.stop[1]()
}

// worse returns the error that says most of two failed runs: one that is
// permanent, else one of work that ran, else the first.
func worse(first, second error) error {
	switch {
	case second == nil:
		return first
	case isPermanent(first) || !isPermanent(second) && !rejection.Is(first):
		return first
	case isPermanent(second) || !rejection.Is(second):
		return second
	}
	return first
}

func (h *hedge) now() int64 {
	if h.recent == nil {
		return 0
	}
	return h.clock.Now()
}

// observe notes how long the first run took. A run that was cut off would have
// taken longer, nobody knows how much. It counts with twice the time it had: then
// the quantile is right as long as it lies below, and grows if too many are cut
// off. Counted with the time it had, it would hold the quantile down for ever.
func (h *hedge) observe(begun int64, succeeded, cut bool) {
	if h.recent == nil || !succeeded && !cut {
		return
	}
	took := time.Duration(h.clock.Now() - begun)
	if cut {
		took *= 2
	}
	h.recent.add(took)
}
