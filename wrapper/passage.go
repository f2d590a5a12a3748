package wrapper

import (
	"context"
	"errors"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// passage is one attempt's way through the gates and the breaker of a frame,
// and back. Whatever it took, one of leave, undo and abandon gives it up.
//
// Its methods are given the detour: as a pointer in here it would escape, and as a
// part of this every call would clear it.
type passage struct {
	permit   breaker.Permit
	token    ratelimit.Token // of the limiter
	paid     bool            // the limiter is passed
	holds    bool            // a permit of the frame's semaphore
	admitted bool            // by the breaker: permit is held
	share    bool            // the attempt has a fair share of the timeout to itself
}

// enter asks the breaker, waits at the gates in order and enters the breaker. What
// p has passed already is not passed again. If it returns an error it has given
// everything back.
//
// Whoever made ctx, or a pause before this attempt, has asked it. As long as nothing
// waits that holds, so each part is first tried without asking again.
func (p *passage) enter(ctx context.Context, f *frame, c *call, d *detour) (err error) {
	if f.breaker != nil {
		err = f.breaker.Ready()
	} else if f.keyed != nil {
		err = d.ready(ctx, f)
	}
	if err != nil {
		p.undo(f, d)
		return err
	}
	waited, err := p.fields(ctx, f, c)
	if err == nil && f.gates != nil {
		waited, err = true, d.others(ctx, f, c)
	}
	if err == nil && waited && ctx.Err() != nil { // it ended as the last gate opened
		err = ctxerr.Of(ctx)
	}
	if err == nil {
		b := f.breaker
		if f.keyed != nil {
			b, err = f.keyed.breaker(d.key) // again: it may have been forgotten while the call waited
		}
		if b != nil {
			err = p.admit(b, c)
		}
	}
	if err != nil {
		p.undo(f, d)
	}
	return err
}

// fields passes the gates that have a field, and reports whether it had to wait.
func (p *passage) fields(ctx context.Context, f *frame, c *call) (waited bool, err error) {
	if f.limiter != nil && !p.paid {
		if p.token, p.paid = f.limiter.QuickToken(); !p.paid {
			waited = true
			if p.token, err = f.limiter.WaitToken(ctx); err != nil {
				return waited, err
			}
		}
	}
	if f.semaphore != nil && !p.holds {
		if p.holds = f.semaphore.TryAcquire(1); !p.holds {
			waited = true
			if err = acquire(ctx, f.semaphore, c.priority); err != nil {
				return waited, err
			}
			p.holds = true
		}
	}
	return waited, nil
}

// admit enters a breaker.
func (p *passage) admit(b *breaker.Breaker, c *call) (err error) {
	if p.permit, p.admitted = b.QuickAcquire(c.caller); !p.admitted {
		if p.permit, err = b.Acquire(c.caller); err != nil {
			return err
		}
		p.admitted = true
	}
	if c.scope.timeout != nil {
		p.note(c.scope.timeout)
	}
	return nil
}

// note keeps what excused will have to know of a timeout.
func (p *passage) note(t *deadline) {
	p.share = t.fresh() || t.ns-t.limit.clock.Now() >= int64(t.limit.d/2)
}

func acquire(ctx context.Context, s *semaphore.Semaphore, priority int) error {
	if priority != 0 {
		return s.AcquirePriority(ctx, 1, priority)
	}
	return s.Acquire(ctx, 1)
}

// leave gives back what is to be given back after the attempt has returned err,
// and tells the breaker.
//
// The breaker goes first, so that whoever gets the permit next sees what it made
// of the result. It runs code of users, which may panic: then abandon follows.
func (p *passage) leave(ctx context.Context, f *frame, c *call, d *detour, err error) {
	if p.admitted {
		p.admitted = false
		if err != nil && (!c.begun || p.excused(ctx, c)) {
			p.permit.Cancel()
		} else {
			p.permit.Done(err)
		}
	}
	if !c.begun {
		p.refund(d)
	}
	p.release(f, d, c.begun, err)
}

// excused reports whether an attempt that failed says nothing about what was
// called: it was cancelled by a layer of somebody else, or ended by a timeout of
// which too much had passed in our own queues. The end of the caller's context
// is for the breaker to judge, and a deadline that a foreign layer set is a
// failure like our own.
func (p *passage) excused(ctx context.Context, c *call) bool {
	if c.caller.Err() != nil || ctx.Err() == nil {
		return false
	}
	if t := c.scope.timeout; t == nil || !t.fired() {
		return errors.Is(ctx.Err(), context.Canceled)
	}
	return !p.share
}

// undo gives everything back: the call does not begin.
func (p *passage) undo(f *frame, d *detour) {
	p.refund(d)
	p.release(f, d, false, nil)
}

// abandon gives everything back while a panic or a Goexit passes. begun is false
// if it comes from a layer and not from the call.
func (p *passage) abandon(f *frame, d *detour, begun bool) {
	defer p.release(f, nil, false, nil) // also if a gate, or code that the breaker runs, panics too
	if d != nil {
		defer d.abandon(f)
	}
	if !begun {
		p.refund(d)
	}
	if p.admitted {
		p.admitted = false
		if begun {
			p.permit.Report(breaker.Failure, breaker.ErrNoReturn)
		} else {
			p.permit.Cancel()
		}
	}
}

// refund gives back the tokens, where that is still possible.
func (p *passage) refund(d *detour) {
	p.token.Cancel()
	if d != nil {
		d.refund()
	}
}

// release leaves the gates, innermost first. ran says that the call has returned
// err. It may be called again, after a release that panicked: what it had passed is
// not released twice.
func (p *passage) release(f *frame, d *detour, ran bool, err error) {
	if d != nil {
		d.release(f, ran, err)
	}
	if p.holds {
		p.holds = false
		f.semaphore.Release(1)
	}
}
