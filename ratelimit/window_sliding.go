package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// SlidingWindow is a quota for every stretch of time of a length, wherever it
// begins: at most so many in any 60 seconds. It remembers when tokens were taken,
// and each comes back when it is a window old. Unlike a [Limiter] it does not
// spread what it admits: a quota that was used at once comes back at once.
//
// Up to a limit of 1024 it is exact. Above it remembers grants within a 1000th of
// the window as one, made when the last of them was: tokens then come back late by
// that much at most, and never early. So it needs at most 24 KiB, whatever the
// limit.
//
// Make it with [NewSlidingWindow]; it must not be copied, and it is safe for
// concurrent use. Waiters are served in the order in which they came, and nobody
// overtakes them. A decision costs a lock and a reading of the clock; a denial or a
// wait looks through what it remembers.
type SlidingWindow struct {
	window int64
	clock  mono.Clock
	line   line

	mu    sync.Mutex
	limit int64   // guarded by mu, as all below
	merge int64   // grants that are closer than this are one
	log   []taken // a ring
	head  int     // the oldest
	n     int     // how many
	used  int64   // tokens in the log
}

// taken is tokens taken from first to last.
type taken struct{ first, last, n int64 }

// A window tells up to exact grants apart, or so many parts of its length that the
// grants of all, and of the one that is about to end, are no more than that.
const (
	exact = 1024
	parts = 1000
)

// NewSlidingWindow returns a quota of limit tokens in any window of that length. It
// panics if limit is below 1 or the window is not positive.
func NewSlidingWindow(limit int, window time.Duration) *SlidingWindow {
	checkWindow("NewSlidingWindow", limit, window)
	s := &SlidingWindow{window: int64(window), clock: mono.New()}
	s.setLimit(int64(limit))
	return s
}

func (s *SlidingWindow) setLimit(limit int64) {
	s.limit, s.merge = limit, 0
	if limit > exact {
		s.merge = (s.window + parts - 1) / parts
		s.compact()
	}
}

// Allow takes a token if there is one, and reports whether it did.
func (s *SlidingWindow) Allow() bool { return s.AllowN(1) }

// AllowN takes n tokens if they are there, all or none, and reports whether it did.
// It panics if n is negative.
func (s *SlidingWindow) AllowN(n int) bool { return s.Take(n).OK }

// Take is AllowN with the whole answer.
func (s *SlidingWindow) Take(n int) Decision {
	checkN(n)
	return s.take(int64(n), s.line.ahead.Load())
}

func (s *SlidingWindow) take(n, ahead int64) Decision { d, _ := s.decide(n, ahead, true); return d }
func (s *SlidingWindow) look(n, ahead int64) Decision { d, _ := s.decide(n, ahead, false); return d }

// decide decides about n tokens for one with that many before it, and takes them if
// it is to. It returns the moment of that, too.
func (s *SlidingWindow) decide(n, ahead int64, take bool) (Decision, int64) {
	mustBeMade(s.window > 0, "SlidingWindow", "NewSlidingWindow")
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	s.forget(now)
	d := Decision{Limit: int(s.limit)}
	switch {
	case n == 0:
		d.OK = true
	case n > s.limit:
		d.RetryAfter = Never
	case ahead == 0 && s.used+n <= s.limit:
		if take {
			s.note(now, n)
		}
		d.OK = true
	default:
		d.RetryAfter = time.Duration(max(s.room(now, ahead+n)-now, 1))
	}
	d.Remaining = int(max(s.limit-s.used, 0))
	if s.n > 0 {
		d.ResetAfter = time.Duration(s.at(s.n-1).last + s.window - now)
	}
	return d, now
}

// at returns the i-th oldest of the log.
func (s *SlidingWindow) at(i int) *taken { return &s.log[(s.head+i)%len(s.log)] }

// forget drops what is a window old.
func (s *SlidingWindow) forget(now int64) {
	for s.n > 0 && s.at(0).last+s.window <= now {
		s.used -= s.at(0).n
		s.head = (s.head + 1) % len(s.log)
		s.n--
	}
}

// note adds a grant.
func (s *SlidingWindow) note(now, n int64) {
	s.used += n
	if s.n > 0 {
		if last := s.at(s.n - 1); now-last.first < s.merge || now == last.last {
			last.last, last.n = now, last.n+n
			return
		}
	}
	if s.n == len(s.log) {
		s.compact() // without what was given back
	}
	if s.n == len(s.log) {
		grown := make([]taken, max(2*s.n, 8))
		for i := range s.n {
			grown[i] = *s.at(i)
		}
		s.log, s.head = grown, 0
	}
	s.n++
	*s.at(s.n - 1) = taken{now, now, n}
}

// compact remembers what is remembered as if it had been noted under the present limit,
// and nothing of what was given back.
func (s *SlidingWindow) compact() {
	kept := 0
	for i := range s.n {
		g := *s.at(i)
		if g.n == 0 {
			continue
		}
		if kept > 0 && g.first-s.at(kept-1).first < s.merge {
			last := s.at(kept - 1)
			last.last, last.n = g.last, last.n+g.n
			continue
		}
		*s.at(kept) = g
		kept++
	}
	s.n = kept
}

// room returns the moment at which the last of n tokens can be had. Beyond the
// first limit of them, each follows the one that is limit before it by a window.
func (s *SlidingWindow) room(now, n int64) int64 {
	rounds := (n - 1) / s.limit
	n -= rounds * s.limit
	free := s.limit - s.used
	when := now
	for i := 0; free < n && i < s.n; i++ {
		free += s.at(i).n
		when = s.at(i).last + s.window
	}
	return when + rounds*s.window
}

// Wait waits until there is a token and takes it. Its errors are those of
// [Limiter.Wait].
func (s *SlidingWindow) Wait(ctx context.Context) error { return s.WaitN(ctx, 1) }

// WaitN is Wait for n tokens at once. More than the limit fail with
// [ErrExceedsBurst]. How long it takes behind others is reckoned from the sum of what
// they ask for; if they ask for several tokens, which do not go into every rest of a
// window, it may be longer, and a wait that was not refused ends with its context.
func (s *SlidingWindow) WaitN(ctx context.Context, n int) error {
	checkN(n)
	if err := ctxerr.Of(ctx); err != nil || n == 0 {
		return err
	}
	if !s.fits(int64(n)) {
		return ErrExceedsBurst
	}
	return s.line.wait(ctx, s.clock, int64(n), s.take)
}

// fits reports whether n tokens can ever be there.
func (s *SlidingWindow) fits(n int64) bool { return n <= int64(s.Limit()) }

// Limit returns the limit.
func (s *SlidingWindow) Limit() int {
	mustBeMade(s.window > 0, "SlidingWindow", "NewSlidingWindow")
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.limit)
}

// SetLimit changes the limit from now on; what was taken in the window counts. Those
// who wait are repriced: who asks for more than the limit fails with [ErrExceedsBurst]
// and who would now wait beyond its deadline with [ErrWouldExceedDeadline], at once.
// It panics if the limit is below 1.
func (s *SlidingWindow) SetLimit(limit int) {
	checkLimit("SetLimit", limit)
	mustBeMade(s.window > 0, "SlidingWindow", "NewSlidingWindow")
	s.mu.Lock()
	s.setLimit(int64(limit))
	s.mu.Unlock()
	s.line.review(s.clock, s.look, s.fits)
}

// Waiting returns the number of callers that wait.
func (s *SlidingWindow) Waiting() int { return s.line.waiting() }

// Do waits for a token and runs fn on this goroutine; see [Limiter.Do].
// It panics if fn is nil.
func (s *SlidingWindow) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := s.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}
