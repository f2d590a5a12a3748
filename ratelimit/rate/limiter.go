package rate

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/ratelimit"
)

// Limit is how many events may happen a second. With 0 none do, but for what is in
// the bucket.
type Limit float64

// Inf is no limit: everything is allowed, whatever the burst.
const Inf = Limit(math.MaxFloat64)

// InfDuration is the delay of a reservation that is not OK.
const InfDuration = time.Duration(math.MaxInt64)

// Every is one event in each interval, and Inf if the interval is not positive.
func Every(interval time.Duration) Limit {
	if interval <= 0 {
		return Inf
	}
	return 1 / Limit(interval.Seconds())
}

// maxLimit is the fastest rate below Inf.
const maxLimit = 1e12

// rate returns the limit as a Rate. One that is slower than one event in 292 years
// is 0.
func (l Limit) rate() ratelimit.Rate {
	switch {
	case math.IsNaN(float64(l)):
		panic("rate: Limit must be a number, got NaN; for no limit use Inf")
	case l >= Inf:
		return ratelimit.Unlimited
	case l <= 1/Limit(InfDuration.Seconds()):
		return ratelimit.Rate{}
	}
	return ratelimit.PerSecond(float64(min(l, maxLimit)))
}

// Limiter is a token bucket, see package ratelimit for how it works. The zero value
// allows nothing until it is given a limit and a burst; others are made with
// [NewLimiter]. It must not be copied, and it is safe for concurrent use.
type Limiter struct {
	state atomic.Pointer[state] // nil: the zero Limiter, not used yet

	mu sync.Mutex // guards replacing the state
}

// state is the limiter and what was set, as it was set.
type state struct {
	*ratelimit.Limiter
	limit Limit
	burst int
	open  bool // burst is above 0, or limit is Inf

	clock  mono.Clock
	stamps *stamps
}

// stamps is what is known of explicit timestamps.
type stamps struct {
	made   time.Time                 // when the limiter was
	first  atomic.Pointer[time.Time] // the first of all
	latest atomic.Int64              // ns after made
}

// NewLimiter returns a Limiter with a full bucket of b tokens, refilled at r. It
// panics if r is NaN.
func NewLimiter(r Limit, b int) *Limiter {
	l := &Limiter{}
	l.state.Store(newState(r, b))
	return l
}

func newState(r Limit, b int) *state {
	s := &state{Limiter: ratelimit.New(r.rate(), bucket(b)), limit: r, burst: b, open: b > 0 || r >= Inf}
	s.clock = mono.New()
	s.stamps = &stamps{made: s.clock.Time(0)}
	return s
}

// bucket returns the size of the bucket for a burst: one that allows nothing has
// none, and the limiter is not asked.
func bucket(b int) int { return int(min(max(int64(b), 1), ratelimit.MaxBurst)) }

func (l *Limiter) load() *state {
	if s := l.state.Load(); s != nil {
		return s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loadLocked()
}

func (l *Limiter) loadLocked() *state {
	s := l.state.Load()
	if s == nil {
		s = newState(0, 0)
		l.state.Store(s)
	}
	return s
}

// mapped returns the time that t stands for. If the first t of all lies before the
// limiter was made, the program has a clock of its own: t counts from there.
func (s *stamps) mapped(t time.Time) time.Time {
	first := s.first.Load()
	if first == nil {
		first = s.begin(t)
	}
	if first.Before(s.made) {
		return s.made.Add(t.Sub(*first))
	}
	// Counted from one moment, even if t has no monotonic reading: by the wall clock,
	// which is read apart, this moment and that of the limiter inside are some
	// nanoseconds closer or further.
	return s.made.Add(t.Sub(s.made))
}

// begin notes t as the first timestamp, unless another was faster.
func (s *stamps) begin(t time.Time) *time.Time {
	s.first.CompareAndSwap(nil, &t)
	return s.first.Load()
}

// at returns the limiter as of t, or of the latest time there was: the tokens that
// were there then still are.
func (s *state) at(t time.Time) ratelimit.Moment {
	ns := int64(s.stamps.mapped(t).Sub(s.stamps.made))
	for {
		latest := s.stamps.latest.Load()
		if ns <= latest {
			ns = latest
			break
		}
		if s.stamps.latest.CompareAndSwap(latest, ns) {
			break
		}
	}
	return s.At(s.stamps.made.Add(time.Duration(ns)))
}

// Limit returns the limit as it was set.
func (l *Limiter) Limit() Limit { return l.load().limit }

// Burst returns the burst as it was set.
func (l *Limiter) Burst() int { return l.load().burst }

// Tokens returns what is in the bucket, negative while tokens are owed.
func (l *Limiter) Tokens() float64 {
	s := l.load()
	return s.tokens(s.Tokens())
}

// TokensAt is Tokens as of t.
func (l *Limiter) TokensAt(t time.Time) float64 {
	s := l.load()
	return s.tokens(s.at(t).Tokens())
}

func (s *state) tokens(n float64) float64 { return min(n, float64(max(s.burst, 0))) }

// Allow takes a token if there is one, and reports whether it did.
func (l *Limiter) Allow() bool {
	s := l.state.Load()
	return s != nil && s.open && s.Allow()
}

// AllowN takes n tokens as of t if they are there, all or none, and reports whether
// it did. It panics if n is negative.
func (l *Limiter) AllowN(t time.Time, n int) bool {
	s := l.load()
	return s.fits(n) && s.at(t).Allow(n)
}

// fits reports whether n events may ever happen at once.
func (s *state) fits(n int) bool { return n <= s.burst || s.limit >= Inf }

// SetLimit is SetLimitAt now.
func (l *Limiter) SetLimit(newLimit Limit) { l.setLimit(newLimit, (*state).now) }

// SetLimitAt sets a new limit from time t on. Those who wait are repriced; who has
// reserved keeps its time. It panics if newLimit is NaN.
func (l *Limiter) SetLimitAt(t time.Time, newLimit Limit) {
	l.setLimit(newLimit, func(s *state) ratelimit.Moment { return s.at(t) })
}

func (s *state) now() ratelimit.Moment { return s.At(s.clock.Time(s.clock.Now())) }

func (l *Limiter) setLimit(limit Limit, at func(*state) ratelimit.Moment) {
	r := limit.rate()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := *l.loadLocked()
	s.limit, s.open = limit, s.burst > 0 || limit >= Inf
	at(&s).SetRate(r)
	l.state.Store(&s)
}

// SetBurst is SetBurstAt now.
func (l *Limiter) SetBurst(newBurst int) { l.setBurst(newBurst, (*state).now) }

// SetBurstAt sets a new burst size from time t on. The tokens that are there stay,
// as far as they fit.
func (l *Limiter) SetBurstAt(t time.Time, newBurst int) {
	l.setBurst(newBurst, func(s *state) ratelimit.Moment { return s.at(t) })
}

func (l *Limiter) setBurst(burst int, at func(*state) ratelimit.Moment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := *l.loadLocked()
	m := at(&s)
	if s.burst <= 0 { // the bucket inside has room for one token, this one has not
		m.SetTokens(min(m.Tokens(), 0))
	}
	s.burst, s.open = burst, burst > 0 || s.limit >= Inf
	m.SetBurst(bucket(burst))
	l.state.Store(&s)
}

// Wait is WaitN(ctx, 1).
func (l *Limiter) Wait(ctx context.Context) error { return l.WaitN(ctx, 1) }

// WaitN waits until the tokens of n events are there. On an error it took none: ctx
// is done, its deadline would come first, or n exceeds the burst, which does not
// matter under Inf. It panics if n is negative.
func (l *Limiter) WaitN(ctx context.Context, n int) error {
	s := l.load()
	if !s.fits(n) {
		if err := ctx.Err(); err != nil {
			return err
		}
		return &waitError{n: n, burst: s.burst, err: ratelimit.ErrExceedsBurst}
	}
	var err error
	if n == 1 {
		err = s.Wait(ctx)
	} else {
		err = s.WaitN(ctx, n)
	}
	if err == nil {
		return nil
	}
	return explain(err, n, s.burst)
}
