package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// parked is a key that callers wait for: its bucket has moved from the table into
// a limiter of its own, until the last of them has gone.
type parked struct {
	l     *Limiter
	refs  int                  // callers that use it; guarded by the shard's mu
	limit atomic.Pointer[cell] // the limit of the key; written under the shard's mu

	following sync.Mutex
}

// follow gives the limiter the limit that the key has by now, not the one that it had
// when the caller held the shard's mu: another caller may have been faster with a
// later one.
func (p *parked) follow() {
	p.following.Lock()
	defer p.following.Unlock()
	c := p.limit.Load()
	if have := p.l.cell.Load(); have.rate != c.rate || have.burst != c.burst {
		p.l.SetRate(c.rate)
		p.l.SetBurst(int(c.burst))
	}
}

// decideParked takes n tokens of a parked key. It unlocks the shard.
func (k *Keyed[K]) decideParked(at seat[K], key K, n int64) (grant, *Limiter) {
	p := at.s.parked[key]
	p.refs++
	p.limit.Store(at.c)
	at.s.mu.Unlock()
	p.follow()
	g := p.l.grantNow(n)
	k.unpark(at.s, key, p)
	return g, p.l
}

// hopeless refuses a wait at once that could not end in time, before a limiter is
// made for it.
func (k *Keyed[K]) hopeless(ctx context.Context, g grant, n int64) (time.Duration, error) {
	after := k.rest.retryAfter(g, n)
	if n > g.c.burst && !k.cfg.single.debt {
		return 0, ErrExceedsBurst
	}
	now := k.clock.Now()
	b := boundOf(ctx, k.clock).within(k.cfg.single.maxWait, now)
	return 0, b.late(n, after, now)
}

// wait waits in the queue of a key.
func (k *Keyed[K]) wait(ctx context.Context, key K, hash uint64, n int64) error {
	l := k.limitFor(key)
	at := k.lock(key, hash, l)
	for at.p == nil && !k.admit(&at, key, hash) {
		at.s.mu.Unlock()
		if same(key, key) && k.sweep() {
			at = k.lock(key, hash, l)
			continue
		}
		_, err := k.rest.wait(ctx, n)
		return err
	}
	p := at.s.parked[key]
	if p == nil {
		p = k.park(at, key)
	}
	p.refs++
	p.limit.Store(at.c)
	at.s.mu.Unlock()
	p.follow()
	defer k.unpark(at.s, key, p)
	_, err := p.l.wait(ctx, n)
	return err
}

// park moves the bucket of a key from its place into a limiter, which counts time
// and tokens as the table does: so nothing is converted, and no time passes between.
func (k *Keyed[K]) park(at seat[K], key K) *parked {
	l := New(at.c.rate, int(at.c.burst), k.cfg.limiter...)
	l.clock = k.clock
	own := newCell(at.c.rate, at.c.burst, at.c.room, at.t.origin)
	own.tat.Store(at.p.tat.Swap(frozen))
	l.own(own)
	l.cell.Store(own)
	p := &parked{l: l}
	if at.s.parked == nil {
		at.s.parked = map[K]*parked{}
	}
	at.s.parked[key] = p
	return p
}

// unpark moves the bucket back when nobody uses the limiter any more.
func (k *Keyed[K]) unpark(s *shard[K], key K, p *parked) {
	hash := k.hash(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.refs--; p.refs > 0 {
		return
	}
	delete(s.parked, key)
	reading := k.clock.Now() // under the lock: see grantNow
	t := s.table.Load()
	if reading-t.origin >= t.horizon {
		t = k.rebuild(s, nil, reading, lingers)
	}
	at, i := t.find(key, hash, k.shift)
	c, g := t.limitOf(i), p.l.peek(reading) // both at one moment: what passed between two would be a gift
	tat := c.now(reading-t.origin) + g.c.recast(g.tat-g.now, c)
	at.tat.Store(tat)
	k.lower(t.wanes(c, tat))
}
