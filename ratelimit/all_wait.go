package ratelimit

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// Wait is [Limiter.Wait] on all limits at once.
func (m *Multi) Wait(ctx context.Context) error { return m.WaitN(ctx, 1) }

// WaitN is [Limiter.WaitN] on all limits at once. [MaxWait] and [MaxWaiters] are
// those of the limit that binds when the caller comes.
func (m *Multi) WaitN(ctx context.Context, n int) error {
	checkN(n)
	return m.wait(ctx, int64(n), nil)
}

// WaitReserve is [Multi.WaitN] with a [MultiReservation] of the tokens, for callers
// that may yet find that they don't use them, because something else refuses the work.
func (m *Multi) WaitReserve(ctx context.Context, n int) (MultiReservation, error) {
	checkN(n)
	var r MultiReservation
	if err := m.wait(ctx, int64(n), &r); err != nil {
		return MultiReservation{}, err
	}
	r.ok = true
	return r, nil
}

// Do is [Limiter.Do] on all limits at once. It panics if fn is nil.
func (m *Multi) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := m.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

// fits reports whether n tokens can ever be there.
func (m *Multi) fits(n int64) bool {
	for _, l := range m.limits {
		if c := l.cell.Load(); n > c.burst && c.inc > 0 && !l.cfg.debt {
			return false
		}
	}
	return true
}

func (m *Multi) wait(ctx context.Context, n int64, kept *MultiReservation) error {
	if err := ctxerr.Of(ctx); err != nil || n == 0 {
		return err
	}
	if !m.fits(n) {
		return ErrExceedsBurst
	}
	if m.take(n, m.line.ahead.Load(), nil, kept).OK {
		return nil
	}
	m.follow() // before the decision to wait, so that no change of it is missed
	defer m.unfollow()
	t := &turn{n: n, bound: boundOf(ctx, m.clock()), most: -1}
	if in, err := m.line.enter(t, m.clock(), func(ahead int64) Decision { return m.choose(t, ahead, kept) }); !in {
		return err
	}
	defer m.line.leave(t)
	for {
		head, err := m.line.at(t, nil)
		if err == nil {
			err = ctxerr.Of(ctx)
		}
		switch {
		case err != nil:
			return err
		case head:
			return m.lead(ctx, t, kept)
		}
		select {
		case <-t.ch:
		case <-ctx.Done():
		}
	}
}

// choose decides about t with that many tokens before it, and what bounds its wait.
func (m *Multi) choose(t *turn, ahead int64, kept *MultiReservation) Decision {
	d := m.take(t.n, ahead, nil, kept)
	cfg := &m.limits[d.Binding].cfg
	t.most = cfg.maxWaiters
	t.bound = t.bound.within(cfg.maxWait, m.clock().Now())
	return d
}

// lead waits at the head of the queue: in the queue of the limit that binds, so
// that its changes are seen at once, until all have the tokens at one moment.
func (m *Multi) lead(ctx context.Context, t *turn, kept *MultiReservation) error {
	for {
		d := m.take(t.n, 0, nil, kept)
		if d.OK {
			return nil
		}
		if err := t.late(d, m.clock().Now()); err != nil {
			return err
		}
		binding := m.limits[d.Binding]
		r, err := m.standAt(ctx, binding, t)
		if err != nil {
			return err
		}
		if m.take(t.n, 0, binding, kept).OK {
			if kept != nil {
				kept.parts = append(kept.parts, r)
			}
			return nil
		}
		r.Cancel()
	}
}

// standAt waits in the queue of one limit. A change of another may end it.
func (m *Multi) standAt(ctx context.Context, at *Limiter, t *turn) (Reservation, error) {
	sub, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if _, err := m.line.at(t, stop); err != nil {
		return Reservation{}, err
	}
	m.stands.Store(&stand{at, t.n})
	r, err := at.wait(sub, t.n)
	m.stands.Store(nil)
	if _, why := m.line.at(t, nil); err != nil && why != nil {
		err = why
	}
	return r, err
}

// review looks at those who wait after a limit was changed.
func (m *Multi) review() {
	m.line.review(m.clock(), func(n, ahead int64) Decision {
		if s := m.stands.Load(); s != nil && ahead == 0 { // that limit looks after the head itself
			return m.look(n, 0, s.at)
		}
		return m.look(n, ahead, nil)
	}, m.fits)
}

// follow makes the limits tell m of their changes, as long as somebody waits.
func (m *Multi) follow() {
	m.following.Lock()
	defer m.following.Unlock()
	if m.waits++; m.waits == 1 {
		for _, l := range m.limits {
			l.watch.add(m)
		}
	}
}

func (m *Multi) unfollow() {
	m.following.Lock()
	defer m.following.Unlock()
	if m.waits--; m.waits == 0 {
		for _, l := range m.limits {
			l.watch.remove(m)
		}
	}
}

// clock returns that of the first limit: the readings of two cannot be compared.
func (m *Multi) clock() mono.Clock { return m.limits[0].clock }
