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
type passage struct {
	permit   breaker.Permit
	timeout  *deadline       // whose deadline counts, or nil
	in       int             // other gates passed
	holds    bool            // a permit of the frame's semaphore
	admitted bool            // by the breaker: permit is held
	share    bool            // the attempt has a fair share of the timeout to itself
	token    ratelimit.Token // of the first limiter
	key      any             // of the gates and the breaker that have one
	entry    semaphore.Entry // of the first adaptive semaphore
	entries  int             // of all of them
	rare     *rare           // nil until there is something in it
}

// rare is what most calls have none of.
type rare struct {
	tokens  []ratelimit.Token // of further limiters
	multis  []ratelimit.MultiReservation
	entries []semaphore.Entry // of further adaptive semaphores
	room    [2]ratelimit.Token
}

// further returns where to put what there is seldom.
func (p *passage) further() *rare {
	if p.rare == nil {
		p.rare = &rare{}
		p.rare.tokens = p.rare.room[:0]
	}
	return p.rare
}

func (p *passage) pushEntry(e semaphore.Entry) {
	if p.entries++; p.entries == 1 {
		p.entry = e
		return
	}
	r := p.further()
	r.entries = append(r.entries, e)
}

func (p *passage) popEntry() semaphore.Entry {
	if p.entries--; p.entries == 0 {
		return p.entry
	}
	last := len(p.rare.entries) - 1
	e := p.rare.entries[last]
	p.rare.entries = p.rare.entries[:last]
	return e
}

// enter asks the breaker, waits at the gates in order and enters the breaker.
// If it returns an error it has given everything back.
func (p *passage) enter(ctx context.Context, f *frame, c *call) (err error) {
	if f.breaker != nil {
		err = f.breaker.Ready()
	} else if f.keyed != nil {
		err = p.ready(ctx, f)
	}
	if err != nil {
		return err
	}
	if f.limiter != nil {
		if p.token, err = f.limiter.WaitToken(ctx); err != nil {
			return err
		}
	}
	if f.semaphore != nil {
		// Whether ctx has ended is asked behind the gates.
		if !f.semaphore.TryAcquire(1) {
			if err = acquire(ctx, f.semaphore, c.priority); err != nil {
				p.undo(f)
				return err
			}
		}
		p.holds = true
	}
	if f.gates != nil {
		err = p.others(ctx, f, c)
	}
	if err == nil && f.waits && ctx.Err() != nil { // it ended as the last gate opened
		err = ctxerr.Of(ctx)
	}
	if err == nil {
		b := f.breaker
		if f.keyed != nil {
			b, err = f.keyed.breaker(p.key) // again: it may have been forgotten while the call waited
		}
		if b != nil {
			if p.permit, err = b.Acquire(c.caller); err == nil {
				p.admitted = true
				if c.scope.timeout != nil {
					p.note(c.scope.timeout)
				}
			}
		}
	}
	if err != nil {
		p.undo(f)
	}
	return err
}

// ready asks the breaker of the key.
func (p *passage) ready(ctx context.Context, f *frame) error {
	p.key = keyOf(ctx)
	b, err := f.keyed.breaker(p.key)
	if err != nil {
		return err
	}
	return b.Ready()
}

// note keeps what excused will have to know of a timeout.
func (p *passage) note(t *deadline) {
	p.timeout = t
	p.share = t.fresh() || t.ns-t.limit.clock.Now() >= int64(t.limit.d/2)
}

// others waits at the gates that have no field.
func (p *passage) others(ctx context.Context, f *frame, c *call) error {
	for i := range f.gates {
		if err := p.wait(ctx, &f.gates[i], c); err != nil {
			return err
		}
		p.in++
	}
	return nil
}

// wait waits at one of the other gates.
func (p *passage) wait(ctx context.Context, g *gate, c *call) error {
	switch {
	case g.limiter != nil:
		t, err := g.limiter.WaitToken(ctx)
		if err == nil {
			r := p.further()
			r.tokens = append(r.tokens, t)
		}
		return err
	case g.multi != nil:
		t, err := g.multi.WaitReserve(ctx, 1)
		if err == nil {
			r := p.further()
			r.multis = append(r.multis, t)
		}
		return err
	case g.semaphore != nil:
		return acquire(ctx, g.semaphore, c.priority)
	case g.adaptive != nil:
		e, err := g.adaptive.Enter(ctx, c.priority)
		if err == nil {
			p.pushEntry(e)
		}
		return err
	case g.keyed != nil:
		p.key = keyOf(ctx)
		return g.keyed.enter(ctx, p.key, c.priority)
	}
	c.scope.newest.speak()
	if g.waiter != nil {
		return g.waiter.Wait(ctx)
	}
	return g.acquirer.Acquire(ctx, 1)
}

func acquire(ctx context.Context, s *semaphore.Semaphore, priority int) error {
	if priority != 0 {
		return s.AcquirePriority(ctx, 1, priority)
	}
	return s.Acquire(ctx, 1)
}

// success is leave after a success where there are no other gates.
func (p *passage) success(f *frame) {
	if p.admitted {
		p.admitted = false
		p.permit.Done(nil)
	}
	if p.holds {
		p.holds = false
		f.semaphore.Release(1)
	}
}

// leave gives back what is to be given back after the attempt has returned err,
// and tells the breaker.
//
// The breaker goes first, so that whoever gets the permit next sees what it made
// of the result. It runs code of users, which may panic: then abandon follows.
func (p *passage) leave(ctx context.Context, f *frame, c *call, err error) {
	if p.admitted {
		p.admitted = false
		if err != nil && (!c.begun || p.excused(ctx, c.caller)) {
			p.permit.Cancel()
		} else {
			p.permit.Done(err)
		}
	}
	if !c.begun {
		p.refund()
	}
	p.release(f, c.begun, err)
}

// excused reports whether an attempt that failed says nothing about what was
// called: it was cancelled by a layer of somebody else, or ended by a timeout of
// which too much had passed in our own queues. The end of the caller's context
// is for the breaker to judge, and a deadline that a foreign layer set is a
// failure like our own.
func (p *passage) excused(ctx, caller context.Context) bool {
	if caller.Err() != nil || ctx.Err() == nil {
		return false
	}
	if p.timeout == nil || !p.timeout.fired() {
		return errors.Is(ctx.Err(), context.Canceled)
	}
	return !p.share
}

// undo gives everything back: the call does not begin.
func (p *passage) undo(f *frame) {
	p.refund()
	p.release(f, false, nil)
}

// abandon gives everything back while a panic or a Goexit passes. begun is false
// if it comes from a layer and not from the call.
func (p *passage) abandon(f *frame, begun bool) {
	defer p.release(f, false, nil) // also if the breaker runs code that panics too
	if !begun {
		p.refund()
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
func (p *passage) refund() {
	p.token.Cancel()
	if p.rare != nil {
		for i := range p.rare.tokens {
			p.rare.tokens[i].Cancel()
		}
		for i := range p.rare.multis {
			p.rare.multis[i].Cancel()
		}
	}
}

// release leaves the gates, innermost first. ran says that the call has returned
// err. It may be called again, after a release that panicked: what it had passed is
// not released twice.
func (p *passage) release(f *frame, ran bool, err error) {
	for p.in > 0 {
		p.in--
		p.out(&f.gates[p.in], ran, err)
	}
	if p.holds {
		p.holds = false
		f.semaphore.Release(1)
	}
}

// out leaves one of the other gates.
func (p *passage) out(g *gate, ran bool, err error) {
	switch {
	case g.semaphore != nil:
		g.semaphore.Release(1)
	case g.adaptive != nil && ran:
		p.popEntry().Done(err)
	case g.adaptive != nil:
		p.popEntry().Cancel()
	case g.keyed != nil:
		g.keyed.leave(p.key)
	case g.acquirer != nil:
		g.acquirer.Release(1)
	case g.learner != nil && ran:
		g.learner.Learn(err)
	}
}
