package breaker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// Breaker stops calls to something that fails. Make it with [New]; the zero
// value is not usable, and it must not be copied. It is safe for concurrent
// use. One breaker guards calls of any result type. It has no goroutine and
// need not be closed: a timer runs while a future moment matters, and it does
// not keep a breaker in memory that nothing else refers to.
//
// Cost: while nothing fails, a call under [ConsecutiveFailures], [FailureCount]
// or a full [CountWindow] loads one word before and once more after, and writes
// nothing. A rate over a time window adds one atomic operation; [SlowCallRate]
// two clock readings. A rejection is two loads. None of these allocates or
// locks. What else happens, failures and probes among it, takes a mutex for
// some tens of nanoseconds.
type Breaker struct {
	word    atomic.Uint64 // see word.go
	window  atomic.Pointer[window]
	rules   atomic.Pointer[rules]
	refusal atomic.Pointer[OpenError]
	cfg     *config
	counts  *counts // nil without Counted
	clock   mono.Clock
	fixed   uint64 // flags that the options set for good
	loud    bool   // rejections are counted or told
	ramp    ramp
	plain   call      // of all calls that nothing need be known of
	calls   sync.Pool // of *call, for the other permits

	_  [64]byte // what every call reads stays off the lines that failures write
	mu sync.Mutex
	// mu guards the rest, and every change of the above but for the adds to the
	// window, the turns of the ramp and the counts.
	state    State
	mode     Mode
	gen      uint64
	since    int64
	closedAt int64
	cause    error // of the last opening

	inRow int    // failures without a success between
	blame error  // what the last failure or slow call of this generation ended with
	last  *lastN // with CountWindow, while closed
	near  bool   // the next outcome may meet a rule, even if it is a success
	met   bool   // such a rule is met but may not open: counted once

	rotateAt      int64 // when the window turns; 0: it is empty
	openUntil     int64 // 0: not open, or forced
	halfOpenUntil int64
	askedUntil    int64         // by a failure of this generation, with HonorRetryAfter
	openFor       time.Duration // of the last opening that a rule decided, before jitter
	streak        int           // such openings, of one outage
	quota         *quota        // of the Keyed that has this breaker, or nil
	reserved      bool          // the quota has been charged for the opening to come
	probes        probes
	flight        flight
	alarm         alarm
	queue         queue

	openings, suppressed, expired int64
}

// New returns a breaker, closed unless [Initially] says otherwise.
//
// Without a trip rule it opens on half of at least 20 calls in 10 seconds, or
// on 10 failures in a row, whichever comes first; any trip rule among opts
// replaces both. By default it is open for 5 seconds, then one probe decides,
// within 10 seconds.
//
// It panics if the options contradict each other.
func New(opts ...Option) *Breaker { return newBreaker(newConfig(opts)) }

// newBreaker returns a breaker of the configuration c, which breakers may share.
func newBreaker(c *config) *Breaker {
	b := &Breaker{cfg: c, clock: mono.New(), probes: newProbes(c), quota: c.quota}
	b.plain = call{b: b, begin: unstamped}
	b.fixed = flagMade
	if c.counted {
		b.counts = newCounts()
		b.fixed |= flagCount
	}
	if c.events.Outcome != nil {
		b.fixed |= flagStamp | flagAsk
	}
	if c.classify != nil {
		b.fixed |= flagAsk
	}
	b.loud = c.counted || c.events.Rejected != nil
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules.Store(&c.rules)
	b.flight.reset()
	b.forgetLocked()
	switch c.initial {
	case Open:
		b.openLocked(0, nil, c.openFor)
		b.openFor = c.openFor
	case HalfOpen:
		b.halfOpenLocked(0)
	case Closed:
	}
	b.queue.wanted = c.events.StateChange != nil // from now on
	b.publishLocked()
	b.armLocked()
	return b
}

// Ready returns the error that [Breaker.Acquire] would return for the state:
// nil if a call would be admitted now, and an [*OpenError] otherwise. It takes
// nothing. It is the cheap question to ask before waiting in a queue for the
// right to call; a refusal stands for the call, so it is told and counted like
// one of Acquire.
func (b *Breaker) Ready() error {
	if b.word.Load()&(flagMade|stateMask|flagRamp) == flagMade { // small enough to be inlined
		return nil
	}
	return b.ready()
}

// ready is Ready where more than the state has to be looked at.
func (b *Breaker) ready() error {
	b.mustBeMade()
	w := b.word.Load()
	if refuses(w) || w&flagRamp != 0 && !b.ramp.peek() {
		return b.refuse()
	}
	return nil
}

// Acquire asks for permission to make one call, which must be reported with
// [Permit.Done] or [Permit.Cancel]. It never waits. It returns
//
//   - an [*OpenError], which matches [ErrOpen], if the call is refused,
//   - ctx.Err() if it is not, and ctx is done (an error that matches
//     context.Cause(ctx) too, if there is a cause of its own).
//
// On an error nothing was taken. Where the call fits a function, [Breaker.Do]
// cannot be used wrongly.
func (b *Breaker) Acquire(ctx context.Context) (Permit, error) {
	w := b.word.Load()
	if !plain(w) || ctx.Err() != nil {
		return b.acquire(ctx, w)
	}
	return Permit{call: &b.plain, ctx: ctx, ref: w}, nil
}

// QuickAcquire is the short way of [Breaker.Acquire] for code that counts
// nanoseconds and has asked ctx itself: one load admits the call if the breaker is
// closed and nothing is to be noted of its beginning. False says nothing of the
// breaker, and is not counted or told: then Acquire decides.
func (b *Breaker) QuickAcquire(ctx context.Context) (Permit, bool) {
	w := b.word.Load()
	if !plain(w) {
		return Permit{}, false
	}
	return Permit{call: &b.plain, ctx: ctx, ref: w}, true
}

// acquire is Acquire where more than the word has to be looked at.
func (b *Breaker) acquire(ctx context.Context, w uint64) (Permit, error) {
	if refuses(w) {
		return Permit{}, b.refuse()
	}
	c, _ := b.calls.Get().(*call)
	if c == nil {
		c = &call{b: b}
	}
	gen, err := b.enter(ctx, c)
	if err != nil {
		b.calls.Put(c)
		return Permit{}, err
	}
	return Permit{call: c, ctx: ctx, ref: uint64(gen)<<genShift | uint64(c.serial.Load())}, nil
}

// enter admits a call and notes in c, whose b is set, what the breaker has to
// know of it. It returns the generation that the call belongs to.
func (b *Breaker) enter(ctx context.Context, c *call) (gen uint32, err error) {
	b.mustBeMade()
	w := b.word.Load()
	if refuses(w) {
		return 0, b.refuse()
	}
	if ctx.Err() != nil {
		return 0, ctxerr.Of(ctx)
	}
	c.begin, c.probe, c.epoch = unstamped, 0, 0
	if w&flagStamp != 0 {
		c.begin = b.clock.Now()
	}
	gen = genOf(w)
	if stateOf(w) != Closed || w&flagFollow != 0 {
		var ok bool
		if gen, ok = b.admit(c); !ok {
			return 0, b.refuse()
		}
	} else if w&flagRamp != 0 && !b.ramp.take() {
		return 0, b.refuse()
	}
	if b.counts != nil {
		b.counts.admitted.Add(1)
	}
	return gen, nil
}

// admit is the part of enter that needs the lock: to grant a probe, or to
// follow the call.
func (b *Breaker) admit(c *call) (gen uint32, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case Open:
		return 0, false
	case HalfOpen:
		if b.probes.full() {
			return 0, false
		}
		c.probe = b.probes.grant(b.clock.Now())
	case Closed:
		if !b.ramp.take() {
			return 0, false
		}
		if r := b.rules.Load(); r.stuck > 0 && b.mode != ForcedClosed {
			c.epoch = b.flight.enter(b.clock.Now, r.age)
		}
	}
	b.publishLocked()
	b.armLocked()
	return uint32(b.gen), true // #nosec G115 -- the word holds no more
}

// lock locks a breaker that New has made.
func (b *Breaker) lock() {
	b.mustBeMade()
	b.mu.Lock()
}

// mustBeMade panics on a zero value. The word of one is not plain, so the fast
// paths need not ask.
func (b *Breaker) mustBeMade() {
	if b.cfg == nil {
		panic("breaker: the zero Breaker is not usable, make one with New")
	}
}

// refuse returns the error of a rejection. It is small enough to be inlined.
func (b *Breaker) refuse() error {
	e := b.refusal.Load()
	if b.loud {
		b.refused(e)
	}
	return e
}

// refused counts and tells a rejection.
func (b *Breaker) refused(e *OpenError) {
	if b.counts != nil {
		b.counts.rejected.Add(1)
	}
	if b.cfg.events.Rejected != nil {
		b.cfg.events.Rejected(e)
	}
}

// State returns the state: HalfOpen as soon as the open time is over, whether
// or not anybody calls. It has no side effect and costs one load.
//
// A timer ends the open time, and on a machine that is too busy it may be late.
// Until it has run the state is Open and calls are refused, with a RetryAfter of
// a millisecond: nobody reads the clock to find out. Leases, windows and ramps
// end late by as much; once the timer runs, all that is due happens at once.
func (b *Breaker) State() State { return stateOf(b.word.Load()) }

// RetryAfter returns how long it is until a probe may be admitted; 0 if the
// breaker is not open, or forced open.
func (b *Breaker) RetryAfter() time.Duration {
	if b.State() != Open {
		return 0
	}
	return b.refusal.Load().RetryAfter() // of this opening, or of what came since
}
