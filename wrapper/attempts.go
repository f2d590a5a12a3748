package wrapper

import (
	"context"

	"github.com/weirkit/weir/retry"
)

// passing runs w inside a frame that is passed, but is not plain.
func passing[In, T any](ctx context.Context, f *frame, w *work[In, T]) (v T, err error) {
	if f.life != nil {
		if !f.life.enter() {
			return v, ErrClosed
		}
		defer f.life.leave()
	}
	var p passage
	if f.gates == nil && f.keyed == nil {
		return attempts(ctx, f, w, nil, &p, nil)
	}
	var d detour
	return attempts(ctx, f, w, &d, &p, nil)
}

// attempts makes the attempts of a call: all of them, the first of which goes on
// where p is, or those behind a first one that has failed.
func attempts[In, T any](ctx context.Context, f *frame, w *work[In, T], d *detour, p *passage, failed error) (v T, err error) {
	t := tries{before: w.begun}
	if !w.noRetry {
		t.policy = f.retry
	}
	defer func() {
		if !t.over { // a panic or a Goexit is passing
			t.abandon(f, d, p, &w.call)
		}
	}()
	var more bool
	if failed == nil {
		err = t.begin(ctx)
		more = err == nil
	} else if more, err = t.next(ctx, failed); more {
		*p = passage{}
	}
	for more {
		at := ctx
		if t.begun {
			at = t.call.Context()
		}
		w.begun, t.inside = false, true
		if err = p.enter(at, f, &w.call, d); err == nil {
			if fn := w.bare(); fn != nil && f.next == nil { // as beyond does, without two calls
				w.scope.newest.speak()
				w.begun = true
				v, err = fn(at)
			} else {
				v, err = beyond(at, f, w)
			}
			p.leave(at, f, &w.call, d, err)
		}
		t.inside, t.before = false, w.begun || t.before
		w.begun = t.before
		if more, err = t.next(ctx, err); more {
			*p = passage{}
			if d != nil {
				*d = detour{}
			}
		}
	}
	t.over = true
	return v, err
}

// tries is the retry of a frame for one call.
type tries struct {
	policy *retry.Policy // nil: there is one attempt
	call   retry.Call
	begun  bool // call is
	before bool // the function had been called in an earlier attempt, of this retry or an outer one
	inside bool // an attempt runs, and its passage is to be left
	over   bool // everything is given up
}

// begin begins a call if the policy has to know of its first attempt.
func (t *tries) begin(ctx context.Context) error {
	if t.policy == nil || t.policy.Bare(ctx) {
		return nil
	}
	t.call, t.begun = t.policy.Begin(ctx), true
	return t.call.Err()
}

// next reports whether another attempt follows one that has returned err, and what
// the call returns if not.
func (t *tries) next(ctx context.Context, err error) (more bool, _ error) {
	switch {
	case t.begun:
		more = t.call.Next(err)
	case t.policy == nil || err == nil:
		return false, err
	default:
		t.call, more = t.policy.Resume(ctx, err)
		t.begun = true
	}
	return more, t.call.Err()
}

// abandon gives everything up while a panic or a Goexit passes. It runs code of
// users, which may panic too: so each part is deferred.
func (t *tries) abandon(f *frame, d *detour, p *passage, c *call) {
	defer t.call.End()
	if t.inside {
		defer func() { c.begun = c.begun || t.before }()
		p.abandon(f, d, c.begun)
	}
}
