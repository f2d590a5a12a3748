package wrapper

import "context"

// straight runs what is inside a plain frame: fn, or w if fn is nil. w is nil where
// nothing else is to be known of the call, whose ctx is then the caller's.
//
// It is the way of a call for which nobody waits and nothing fails, and written out
// for it: a function for each of its steps would cost more than most steps do. As
// soon as it comes to anything else, rest takes over what it holds.
func straight[In, T any](ctx context.Context, f *frame, fn func(context.Context) (T, error), w *work[In, T]) (v T, err error) {
	if f.life != nil && !f.life.enter() {
		return v, ErrClosed
	}
	var s stay
	defer func() {
		if !s.over { // a panic or a Goexit is passing
			s.abandon(f)
		}
	}()
	caller, quick := ctx, f.retry == nil || f.retry.Bare(ctx)
	if w != nil {
		caller = w.caller
	}
	if quick && f.breaker != nil {
		_, quick = f.breaker.QuickAcquire(caller) // what Ready would say, but it tells nobody
	}
	if quick && f.limiter != nil {
		s.token, quick = f.limiter.QuickToken()
		s.paid = quick
	}
	if quick && f.semaphore != nil {
		quick = f.semaphore.TryAcquire(1)
		s.holds = quick
	}
	if quick && f.breaker != nil {
		s.permit, quick = f.breaker.QuickAcquire(caller)
		s.admitted = quick
	}
	if quick {
		if s.begun = true; w != nil {
			s.start(&w.call)
		}
		if fn != nil {
			v, err = fn(ctx)
		} else {
			v, err = w.run(ctx)
		}
		if err == nil { // the breaker first: see leave
			if s.admitted {
				s.admitted = false
				s.permit.Done(nil)
			}
			if s.holds {
				s.holds = false
				f.semaphore.Release(1)
			}
		}
	}
	if !quick || err != nil {
		v, err = rest(ctx, f, fn, w, &s, err)
	}
	s.over = true
	if f.life != nil {
		f.life.leave()
	}
	return v, err
}

// rest does what straight does not: it passes what s has not passed, or ends the
// attempt that has returned failed, and makes further ones.
func rest[In, T any](ctx context.Context, f *frame, fn func(context.Context) (T, error), w *work[In, T], s *stay, failed error) (v T, err error) {
	if w == nil {
		w = &work[In, T]{call: call{caller: ctx, begun: s.begun}, typed: fn}
	}
	if failed != nil {
		s.leave(ctx, f, &w.call, nil, failed)
		if f.retry == nil || w.noRetry {
			return v, failed
		}
	}
	s.passedOn = true
	if v, err = attempts(ctx, f, w, nil, &s.passage, failed); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// stay is what a call holds of a plain frame.
type stay struct {
	passage

	begun    bool // the function of the call is called
	passedOn bool // attempts gives the passage up
	over     bool // everything is given up
}

// start notes what a call that is about to begin must know, or let know.
func (s *stay) start(c *call) {
	c.begun = true
	if s.admitted && c.scope.timeout != nil {
		s.note(c.scope.timeout)
	}
	c.scope.newest.speak()
}

// abandon gives everything up while a panic or a Goexit passes. It runs code of
// users, which may panic too: so each part is deferred.
func (s *stay) abandon(f *frame) {
	if f.life != nil {
		defer f.life.leave()
	}
	if !s.passedOn {
		s.passage.abandon(f, nil, s.begun)
	}
}
