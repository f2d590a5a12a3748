package ratelimit

import (
	"context"
	"hash/maphash"
	"time"
)

// parked is a key that callers wait for: its bucket has moved from the table into
// a limiter of its own, until the last of them has gone.
type parked struct {
	l    *Limiter
	refs int // callers that use it; guarded by the shard's mu
}

// locked returns the shard of a hash, locked, and the time, at which it is fit to
// compute. The clock is read under the lock: see grantNow.
func (k *Keyed[K]) locked(hash uint64) (*shard[K], *classes, int64) {
	s := &k.shards[hash>>(k.shift&63)&uint64(len(k.shards)-1)] // #nosec G115 -- 0 to 255
	s.mu.Lock()
	c := k.plan.now.Load() // under the lock, so that no place has a number that it lacks
	t := k.clock.Now()
	if t-s.origin >= c.horizon {
		s.rebase(c, t)
	}
	return s, c, t
}

// decide takes n tokens of a key if they are there. The limiter is the one whose
// events and settings apply: that of the key if it is parked, else rest.
func (k *Keyed[K]) decide(key K, n int64) (grant, *Limiter) {
	number := uint16(0)
	if k.limit != nil {
		r, burst := k.limit(key)
		number = k.plan.add(limit{r, burst})
	}
	hash := maphash.Comparable(k.seed, key)
	for sweeps := 0; ; sweeps++ {
		s, c, t := k.locked(hash)
		i, ok := k.settle(s, c, key, hash, number, t)
		if !ok {
			s.mu.Unlock()
			if sweeps == 0 && k.sweepNext() {
				continue
			}
			k.shared.Add(1)
			return k.rest.grantNow(n), k.rest
		}
		if s.places[i].tat == frozen {
			return k.decideParked(s, key, c.cells[number], n)
		}
		g := k.grantAt(&s.places[i].tat, c.cells[number], t-s.origin, n)
		s.mu.Unlock()
		return g, k.rest
	}
}

// grantAt takes n tokens of a bucket in the table.
func (k *Keyed[K]) grantAt(tat *int64, c *cell, t, n int64) grant {
	now := c.now(t)
	g := grant{false, c, *tat, now, t}
	start := max(*tat, now)
	switch {
	case n == 0 || c.inc == 0:
		g.ok = true
	case n > c.burst && !k.cfg.single.debt || n > c.room-c.burst || start+c.need(n)-now > c.tol:
	default:
		*tat = start + c.cost(n)
		g.ok, g.tat = true, *tat
	}
	return g
}

// settle returns the place of a key with a limit, which it may get now, and
// whether there is one.
func (k *Keyed[K]) settle(s *shard[K], c *classes, key K, hash uint64, number uint16, t int64) (int, bool) {
	p := s.find(key, hash, k.shift, c, t)
	if p.found {
		if have := s.number(p.at); have != number && s.places[p.at].tat != frozen {
			from, to := c.cells[have], c.cells[number]
			rel := t - s.origin
			debt := from.scaled(max(s.places[p.at].tat-from.now(rel), 0), to) + (to.burst-from.burst)*to.inc
			s.places[p.at].tat = to.now(rel) + max(debt, 0)
			s.classify(p.at, number)
		}
		return p.at, true
	}
	if !p.fresh && p.at >= 0 && s.reused*4 > len(s.tags) { // time to see what can shrink
		k.used.Add(-int64(s.rehash(k.seed, k.shift, c, t)))
		p = s.find(key, hash, k.shift, c, t)
	}
	if p.at < 0 || p.fresh { // the table grows, or idle keys go
		full := k.used.Load() >= int64(k.cfg.maxKeys)
		if full && t < s.idle {
			return 0, false
		}
		if full || p.at < 0 || (s.used+1)*8 > len(s.tags)*7 {
			k.used.Add(-int64(s.rehash(k.seed, k.shift, c, t)))
			p = s.find(key, hash, k.shift, c, t)
		}
		if k.used.Add(1) > int64(k.cfg.maxKeys) {
			k.used.Add(-1)
			return 0, false
		}
	}
	s.admit(p, key, hash, number, c.cells[number], t)
	return p.at, true
}

// sweepNext drops the idle keys of one shard, each time of the next, and reports
// whether there were any.
func (k *Keyed[K]) sweepNext() bool {
	t := k.clock.Now()
	i := uint64(k.swept.Add(1)) % uint64(len(k.shards)) // #nosec G115 -- a counter
	s := &k.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if t < s.idle {
		return false
	}
	freed := s.rehash(k.seed, k.shift, k.plan.now.Load(), t)
	k.used.Add(-int64(freed))
	return freed > 0
}

// decideParked takes n tokens of a parked key. It unlocks the shard.
func (k *Keyed[K]) decideParked(s *shard[K], key K, c *cell, n int64) (grant, *Limiter) {
	p := s.parked[key]
	p.refs++
	s.mu.Unlock()
	p.follow(c)
	g := p.l.grantNow(n)
	k.unpark(s, key, p)
	return g, p.l
}

// follow gives a parked key the limit that it has now.
func (p *parked) follow(c *cell) {
	if have := p.l.cell.Load(); have.rate != c.rate || have.burst != c.burst {
		p.l.SetRate(c.rate)
		p.l.SetBurst(int(c.burst))
	}
}

// hopeless refuses a wait at once that could not end in time, before a limiter is
// made for it.
func (k *Keyed[K]) hopeless(ctx context.Context, g grant, n int64) (time.Duration, error) {
	after := k.rest.retryAfter(g, n)
	if n > g.c.burst && !k.cfg.single.debt {
		return 0, ErrExceedsBurst
	}
	if deadline, ok := ctx.Deadline(); ok && int64(after) >= k.clock.At(deadline)-k.clock.Now() {
		return 0, &WaitError{int(n), after}
	}
	if k.cfg.single.maxWait > 0 && after > k.cfg.single.maxWait {
		return 0, &WaitError{int(n), after}
	}
	return 0, nil
}

// wait waits in the queue of a key.
func (k *Keyed[K]) wait(ctx context.Context, key K, n int64) error {
	number := uint16(0)
	if k.limit != nil {
		r, burst := k.limit(key)
		number = k.plan.add(limit{r, burst})
	}
	hash := maphash.Comparable(k.seed, key)
	s, c, t := k.locked(hash)
	i, ok := k.settle(s, c, key, hash, number, t)
	if !ok {
		s.mu.Unlock()
		_, err := k.rest.wait(ctx, n)
		return err
	}
	p := s.parked[key]
	if p == nil {
		p = k.park(s, &s.places[i], c.cells[number], t)
	}
	p.refs++
	s.mu.Unlock()
	p.follow(c.cells[number])
	defer k.unpark(s, key, p)
	_, err := p.l.wait(ctx, n)
	return err
}

// park moves the bucket of a key from its place into a limiter.
func (k *Keyed[K]) park(s *shard[K], at *place[K], c *cell, t int64) *parked {
	p := &parked{l: New(c.rate, int(c.burst), k.cfg.limiter...)}
	if c.inc > 0 {
		p.l.cell.Load().tat.Store(max(at.tat-c.now(t-s.origin), 0))
	}
	at.tat = frozen
	if s.parked == nil {
		s.parked = map[K]*parked{}
	}
	s.parked[at.key] = p
	return p
}

// unpark moves the bucket back when nobody uses the limiter any more.
func (k *Keyed[K]) unpark(s *shard[K], key K, p *parked) {
	hash := maphash.Comparable(k.seed, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := k.clock.Now() // under the lock: see grantNow
	if p.refs--; p.refs > 0 {
		return
	}
	delete(s.parked, key)
	c := k.plan.now.Load()
	at := s.find(key, hash, k.shift, c, t).at
	to := c.cells[s.number(at)]
	g := p.l.peekNow()
	debt := g.c.scaled(max(g.tat-g.now, 0), to) + (to.burst-g.c.burst)*to.inc
	s.places[at].tat = to.now(t-s.origin) + max(debt, 0)
}

// Len returns the number of keys that are limited now: those whose buckets are not
// full. It looks at all of them.
func (k *Keyed[K]) Len() int {
	n := 0
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.Lock()
		t, c := k.clock.Now(), k.plan.now.Load()
		for j := range s.tags {
			if s.tags[j] != 0 && !s.isIdle(j, c, t) {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}
