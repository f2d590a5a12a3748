package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/waiting"
)

// Limiter is a token bucket: it holds at most burst tokens, gains them at a
// rate, and each operation takes some. Make it with [New]; the zero value panics when
// it is used, and it must not be copied. It is safe for concurrent use.
//
// In every window of time, whatever its length, it grants at most burst tokens
// and what the rate gains in the window. It is exact: a token is granted from
// the nanosecond on at which it is there, however odd the rate, and over a
// hundred years nothing drifts. A reading of the clock that comes late, from a
// goroutine that was held up, mints nothing.
//
// Order: waiters are served strictly in the order in which they came. Each takes
// its tokens at once and then waits until they are there, so that nobody who
// comes later, waiting or not, takes them.
//
// Cost: a decision reads the clock and does one compare-and-swap; it allocates
// nothing. A denial writes nothing at all, so that denials from many cores do
// not slow each other down. A Wait that need not wait costs the same. One that
// must takes an entry of a pool that belongs to the limiter, less than 300 bytes
// beside its goroutine, and only the first of those who wait has a timer. There is
// no goroutine and no ticker.
type Limiter struct {
	cell  atomic.Pointer[cell]
	clock mono.Clock
	plain bool // nothing is counted or told for a denial
	cfg   config
	tally *tally // nil without Counted

	_    [64]byte // what every call reads stays off the lines that waiters write
	pool sync.Pool
	mu   sync.Mutex
	// mu guards the queue and replacing the cell, so that under it no cell is
	// frozen. The arrival time changes without it, too.
	queue queue

	watch  watch
	counts waiting.Counts
}

// New returns a limiter with a full bucket of burst tokens, refilled at rate r.
// It panics if burst is not between 1 and [MaxBurst].
func New(r Rate, burst int, opts ...Option) *Limiter {
	checkBurst(burst)
	l := &Limiter{clock: mono.New(), cfg: newConfig(opts)}
	l.pool.New = newWaiter
	if l.cfg.counted {
		l.tally = newTally()
	}
	l.plain = l.tally == nil && l.cfg.events.Denied == nil
	c := newCell(r, int64(burst), 0, 0)
	if l.cfg.initial >= 0 {
		c.tat.Store((c.burst - min(l.cfg.initial, c.burst)) * c.inc)
	}
	l.own(c)
	l.cell.Store(c)
	return l
}

// state returns the cell.
func (l *Limiter) state() *cell {
	c := l.cell.Load()
	mustBeMade(c != nil, "Limiter", "New")
	return c
}

func checkBurst(burst int) {
	if burst < 1 || int64(burst) > MaxBurst {
		panic(fmt.Sprintf("ratelimit: burst must be between 1 and %d, got %d", int64(MaxBurst), burst))
	}
}

func checkN(n int) {
	if n < 0 {
		panic(fmt.Sprintf("ratelimit: n must be at least 0, got %d", n))
	}
}

// Allow takes a token if there is one and reports whether it did. It never
// waits, and it never takes what those who wait are waiting for.
func (l *Limiter) Allow() bool {
	c := l.state()
	seen := c.tat.Load()                                     // before the clock, and again behind it: see grantNow
	if rel := l.clock.Now() - c.base; uint64(rel) < c.fast { // #nosec G115 -- a negative one is large
		now, tat := rel*c.mul, c.tat.Load()
		if next := max(tat, now) + c.inc; next-now <= c.tol {
			if c.tat.CompareAndSwap(tat, next) {
				l.granted(1)
				return true
			}
		} else if tat == seen && tat != frozen && l.plain {
			return false
		}
	}
	return l.allowNow(1)
}

// AllowN takes n tokens if they are there, all or none, and reports whether it
// did. With n = 0 it takes nothing and is true. More than the burst are never
// there, but see [Debt]. It panics if n is negative.
func (l *Limiter) AllowN(n int) bool {
	checkN(n)
	return l.allowNow(int64(n))
}

func (l *Limiter) allowNow(n int64) bool { return l.allowed(l.grantNow(n), n) }

// allowed tells of a decision about n tokens, and whether they were taken.
func (l *Limiter) allowed(g grant, n int64) bool {
	l.tell(g, n)
	return g.ok
}

// Wait takes a token, waiting until it is there. It returns
//
//   - ctx.Err() if ctx is done, even if there is a token (an error that matches
//     context.Cause(ctx) too, if there is a cause of its own),
//   - [ErrWouldExceedDeadline], at once, if the token would not come before the
//     deadline of ctx, or [ErrWouldExceedMaxWait] if not as soon as [MaxWait] says,
//     and also out of the queue when SetRate made it so; the error is a *[WaitError]
//     that says when,
//   - [ErrQueueFull] where [MaxWaiters] says so.
//
// On an error no token was taken, and those who wait behind move up. While the
// rate is paused, Wait waits for SetRate.
func (l *Limiter) Wait(ctx context.Context) error {
	if ctx.Err() == nil {
		c := l.state()
		if rel := l.clock.Now() - c.base; uint64(rel) < c.fast { // #nosec G115 -- a negative one is large
			now, tat := rel*c.mul, c.tat.Load()
			if next := max(tat, now) + c.inc; next-now <= c.tol && c.tat.CompareAndSwap(tat, next) {
				l.granted(1)
				return nil
			}
		}
	}
	_, err := l.wait(ctx, 1)
	return err
}

// WaitN is [Limiter.Wait] for n tokens at once. With n = 0 it takes nothing and
// does not wait. More than the burst fail with [ErrExceedsBurst], at once or when
// SetBurst made it so, but see [Debt]. It panics if n is negative.
func (l *Limiter) WaitN(ctx context.Context, n int) error {
	checkN(n)
	_, err := l.wait(ctx, int64(n))
	return err
}
