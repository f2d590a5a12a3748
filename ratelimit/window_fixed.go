package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// FixedWindow is a quota for each stretch of time: so many a minute, where minutes
// begin on the full minute. It is for quotas that are counted that way by who bills
// them. Around the edge of two windows it admits twice the limit within a moment;
// where that must not be, use a [Limiter] or a [SlidingWindow].
//
// Make it with [NewFixedWindow]; it must not be copied, and it is safe for
// concurrent use. Waiters are served in the order in which they came, and nobody
// overtakes them. A decision costs a lock and a reading of the clock.
type FixedWindow struct {
	window int64
	clock  mono.Clock
	phase  int64 // ns of the first window that had passed when the clock began
	line   line

	mu    sync.Mutex
	limit int64 // guarded by mu, as all below
	index int64 // of the window that used is about
	used  int64
}

// NewFixedWindow returns a quota of limit tokens in each window. Windows begin at
// the multiples of their length since the year 1 in UTC: hours on the hour, days at
// midnight. The wall clock is read once, here: when it is stepped later, windows do
// not follow. It panics if limit is below 1 or the window is not positive.
func NewFixedWindow(limit int, window time.Duration) *FixedWindow {
	checkWindow("NewFixedWindow", limit, window)
	f := &FixedWindow{limit: int64(limit), window: int64(window), clock: mono.New()}
	begin := f.clock.Time(0)
	f.phase = int64(begin.Sub(begin.Truncate(window)))
	return f
}

func checkWindow(name string, limit int, window time.Duration) {
	checkLimit(name, limit)
	if window <= 0 {
		panic(fmt.Sprintf("ratelimit: the window of %s must be positive, got %v", name, window))
	}
}

func checkLimit(name string, limit int) {
	if limit < 1 || int64(limit) > MaxBurst {
		panic(fmt.Sprintf("ratelimit: the limit of %s must be between 1 and %d, got %d", name, int64(MaxBurst), limit))
	}
}

// Allow takes a token if there is one, and reports whether it did.
func (f *FixedWindow) Allow() bool { return f.AllowN(1) }

// AllowN takes n tokens if they are there, all or none, and reports whether it did.
// It panics if n is negative.
func (f *FixedWindow) AllowN(n int) bool { return f.Take(n).OK }

// Take is AllowN with the whole answer: RetryAfter is when a window begins that has
// room, ResetAfter when the present one ends.
func (f *FixedWindow) Take(n int) Decision {
	checkN(n)
	return f.take(int64(n), f.line.ahead.Load())
}

func (f *FixedWindow) take(n, ahead int64) Decision { d, _ := f.decide(n, ahead, true); return d }
func (f *FixedWindow) look(n, ahead int64) Decision { d, _ := f.decide(n, ahead, false); return d }

// decide decides about n tokens for one with that many before it, and takes them if
// it is to. It returns the index of the window, too.
func (f *FixedWindow) decide(n, ahead int64, take bool) (Decision, int64) {
	mustBeMade(f.window > 0, "FixedWindow", "NewFixedWindow")
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock.Now() + f.phase
	if index := now / f.window; index != f.index {
		f.index, f.used = index, 0
	}
	d := Decision{Limit: int(f.limit)}
	switch need := ahead + n; {
	case n == 0:
		d.OK = true
	case n > f.limit:
		d.RetryAfter = Never
	case ahead == 0 && f.used+n <= f.limit:
		if take {
			f.used += n
		}
		d.OK = true
	default: // those before it fill windows, this one goes into the next that has room
		windows := max((min(f.used, f.limit)+need-1)/f.limit, 1)
		d.RetryAfter = time.Duration((f.index+windows)*f.window - now)
	}
	d.Remaining = int(max(f.limit-f.used, 0))
	if f.used > 0 {
		d.ResetAfter = time.Duration((f.index+1)*f.window - now)
	}
	return d, f.index
}

// Wait waits until there is a token and takes it. Its errors are those of
// [Limiter.Wait].
func (f *FixedWindow) Wait(ctx context.Context) error { return f.WaitN(ctx, 1) }

// WaitN is Wait for n tokens at once. More than the limit fail with
// [ErrExceedsBurst]. How long it takes behind others is reckoned from the sum of what
// they ask for; if they ask for several tokens, which do not go into every rest of a
// window, it may be longer, and a wait that was not refused ends with its context.
func (f *FixedWindow) WaitN(ctx context.Context, n int) error {
	checkN(n)
	if err := ctxerr.Of(ctx); err != nil || n == 0 {
		return err
	}
	if !f.fits(int64(n)) {
		return ErrExceedsBurst
	}
	return f.line.wait(ctx, f.clock, int64(n), f.take)
}

// fits reports whether n tokens can ever be there.
func (f *FixedWindow) fits(n int64) bool { return n <= int64(f.Limit()) }

// Limit returns the limit.
func (f *FixedWindow) Limit() int {
	mustBeMade(f.window > 0, "FixedWindow", "NewFixedWindow")
	f.mu.Lock()
	defer f.mu.Unlock()
	return int(f.limit)
}

// SetLimit changes the limit from now on; what was taken in the window counts. Those
// who wait are repriced: who asks for more than the limit fails with [ErrExceedsBurst]
// and who would now wait beyond its deadline with [ErrWouldExceedDeadline], at once.
// It panics if the limit is below 1.
func (f *FixedWindow) SetLimit(limit int) {
	checkLimit("SetLimit", limit)
	mustBeMade(f.window > 0, "FixedWindow", "NewFixedWindow")
	f.mu.Lock()
	f.limit = int64(limit)
	f.mu.Unlock()
	f.line.review(f.clock, f.look, f.fits)
}

// Waiting returns the number of callers that wait.
func (f *FixedWindow) Waiting() int { return f.line.waiting() }

// Do waits for a token and runs fn on this goroutine; see [Limiter.Do].
// It panics if fn is nil.
func (f *FixedWindow) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := f.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}
