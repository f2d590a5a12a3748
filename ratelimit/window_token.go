package ratelimit

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// WindowToken is one that [FixedWindow.WaitToken] or [SlidingWindow.WaitToken] took.
// It is a small value, and nothing needs to be done with it once it is used. A copy
// is the same token, so cancel only one of them. The zero one has nothing to give
// back.
type WindowToken struct {
	fixed   *FixedWindow
	sliding *SlidingWindow
	at      int64 // the index of its window, or the moment of its grant
}

// Cancel gives the token back, for a caller that has not used it and will not, and
// reports whether it did: not once its window is over, which has given it back. Then
// it is as if it had never been taken, and the first of those who wait looks again. A
// second Cancel does nothing.
func (t *WindowToken) Cancel() bool {
	fixed, sliding, at := t.fixed, t.sliding, t.at
	*t = WindowToken{}
	switch {
	case fixed != nil && fixed.refund(at):
		fixed.line.review(fixed.clock, fixed.look, fixed.fits)
	case sliding != nil && sliding.refund(at):
		sliding.line.review(sliding.clock, sliding.look, sliding.fits)
	default:
		return false
	}
	return true
}

// WaitToken is [FixedWindow.Wait] that returns the token, for a caller that may yet
// find that it does not use it.
func (f *FixedWindow) WaitToken(ctx context.Context) (WindowToken, error) {
	if err := ctxerr.Of(ctx); err != nil {
		return WindowToken{}, err
	}
	t := WindowToken{fixed: f}
	err := f.line.wait(ctx, f.clock, 1, func(n, ahead int64) (d Decision) {
		d, t.at = f.decide(n, ahead, true)
		return d
	})
	if err != nil {
		return WindowToken{}, err
	}
	return t, nil
}

// refund gives back a token of the window of that index.
func (f *FixedWindow) refund(index int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if (f.clock.Now()+f.phase)/f.window != index || f.index != index {
		return false
	}
	f.used--
	return true
}

// WaitToken is [SlidingWindow.Wait] that returns the token, for a caller that may yet
// find that it does not use it.
func (s *SlidingWindow) WaitToken(ctx context.Context) (WindowToken, error) {
	if err := ctxerr.Of(ctx); err != nil {
		return WindowToken{}, err
	}
	t := WindowToken{sliding: s}
	err := s.line.wait(ctx, s.clock, 1, func(n, ahead int64) (d Decision) {
		d, t.at = s.decide(n, ahead, true)
		return d
	})
	if err != nil {
		return WindowToken{}, err
	}
	return t, nil
}

// refund gives back a token that was taken at that moment. Entries do not overlap,
// however grants are merged, so the first that reaches it is its own; what is left of
// that is forgotten when it would have been.
func (s *SlidingWindow) refund(at int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(s.clock.Now())
	for i := range s.n {
		if s.at(i).last < at {
			continue
		}
		if s.at(i).first > at || s.at(i).n == 0 {
			return false // its entry was forgotten
		}
		s.at(i).n--
		s.used--
		for s.n > 0 && s.at(s.n-1).n == 0 { // the last one says when the window is empty
			s.n--
		}
		return true
	}
	return false
}
