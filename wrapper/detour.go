package wrapper

import (
	"context"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// detour is the part of a passage that most frames have not: the gates without a
// field, and keys.
type detour struct {
	in      int             // gates passed
	key     any             // of the gates and the breaker that have one
	entry   semaphore.Entry // of the first adaptive semaphore
	entries int             // of all of them
	rare    *rare           // nil until there is something in it
}

// rare is what most calls have none of.
type rare struct {
	tokens  []ratelimit.Token // of further limiters
	multis  []ratelimit.MultiReservation
	windows []ratelimit.WindowToken
	entries []semaphore.Entry // of further adaptive semaphores
	room    [2]ratelimit.Token
}

// further returns where to put what there is seldom.
func (d *detour) further() *rare {
	if d.rare == nil {
		d.rare = &rare{}
		d.rare.tokens = d.rare.room[:0]
	}
	return d.rare
}

func (d *detour) pushEntry(e semaphore.Entry) {
	if d.entries++; d.entries == 1 {
		d.entry = e
		return
	}
	r := d.further()
	r.entries = append(r.entries, e)
}

func (d *detour) popEntry() semaphore.Entry {
	if d.entries--; d.entries == 0 {
		return d.entry
	}
	last := len(d.rare.entries) - 1
	e := d.rare.entries[last]
	d.rare.entries = d.rare.entries[:last]
	return e
}

// ready asks the breaker of the key.
func (d *detour) ready(ctx context.Context, f *frame) error {
	d.key = keyOf(ctx)
	b, err := f.keyed.breaker(d.key)
	if err != nil {
		return err
	}
	return b.Ready()
}

// others waits at the gates that have no field.
func (d *detour) others(ctx context.Context, f *frame, c *call) error {
	for i := range f.gates {
		if err := d.wait(ctx, &f.gates[i], c); err != nil {
			return err
		}
		d.in++
	}
	return nil
}

// wait waits at one of the other gates.
func (d *detour) wait(ctx context.Context, g *gate, c *call) error {
	switch {
	case g.limiter != nil:
		t, err := g.limiter.WaitToken(ctx)
		if err == nil {
			r := d.further()
			r.tokens = append(r.tokens, t)
		}
		return err
	case g.multi != nil:
		t, err := g.multi.WaitReserve(ctx, 1)
		if err == nil {
			r := d.further()
			r.multis = append(r.multis, t)
		}
		return err
	case g.window != nil:
		t, err := g.window.WaitToken(ctx)
		if err == nil {
			r := d.further()
			r.windows = append(r.windows, t)
		}
		return err
	case g.semaphore != nil:
		return acquire(ctx, g.semaphore, c.priority)
	case g.adaptive != nil:
		e, err := g.adaptive.Enter(ctx, c.priority)
		if err == nil {
			d.pushEntry(e)
		}
		return err
	case g.keyed != nil:
		d.key = keyOf(ctx)
		return g.keyed.enter(ctx, d.key, c.priority)
	}
	c.scope.newest.speak()
	if g.waiter != nil {
		return g.waiter.Wait(ctx)
	}
	return g.acquirer.Acquire(ctx, 1)
}

// refund gives back the tokens, where that is still possible.
func (d *detour) refund() {
	if d.rare == nil {
		return
	}
	for i := range d.rare.tokens {
		d.rare.tokens[i].Cancel()
	}
	for i := range d.rare.multis {
		d.rare.multis[i].Cancel()
	}
	for i := range d.rare.windows {
		d.rare.windows[i].Cancel()
	}
}

// release leaves the gates, innermost first: see passage.release.
func (d *detour) release(f *frame, ran bool, err error) {
	for d.in > 0 {
		d.in--
		d.out(&f.gates[d.in], ran, err)
	}
}

// abandon is release while a panic or a Goexit passes: if one gate panics too, the
// others are left all the same.
func (d *detour) abandon(f *frame) {
	if d.in == 0 {
		return
	}
	d.in--
	defer d.abandon(f) // no loop: what is deferred in one is allocated
	d.out(&f.gates[d.in], false, nil)
}

// out leaves one of the other gates.
func (d *detour) out(g *gate, ran bool, err error) {
	switch {
	case g.semaphore != nil:
		g.semaphore.Release(1)
	case g.adaptive != nil && ran:
		d.popEntry().Done(err)
	case g.adaptive != nil:
		d.popEntry().Cancel()
	case g.keyed != nil:
		g.keyed.leave(d.key)
	case g.acquirer != nil:
		g.acquirer.Release(1)
	case g.learner != nil && ran:
		g.learner.Learn(err)
	}
}
