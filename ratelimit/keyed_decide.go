package ratelimit

import "hash/maphash"

// hash returns that of a key.
func (k *Keyed[K]) hash(key K) uint64 {
	mustBeMade(k.tables != nil, "Keyed", "NewKeyed")
	return maphash.Comparable(k.seed, key)
}

// index returns the number of the shard of a hash.
func (k *Keyed[K]) index(hash uint64) uint64 {
	return hash >> (k.shift & 63) & uint64(len(k.tables)-1) // #nosec G115 -- 1 to 256
}

// decide takes n tokens of a key if they are there. The limiter is the one whose
// events and settings apply: that of the key if it is parked, else rest.
func (k *Keyed[K]) decide(key K, hash uint64, n int64) (grant, *Limiter) {
	if g, ok := k.quick(key, hash, n); ok {
		return g, k.rest
	}
	return k.slow(key, hash, n)
}

// quick decides for a key whose bucket is in the table, without a lock: a denial
// writes nothing. It reports false in every other case.
func (k *Keyed[K]) quick(key K, hash uint64, n int64) (grant, bool) {
	for tries := 0; ; tries++ {
		t := k.tables[k.index(hash)].Load()
		if t.own != nil {
			return grant{}, false
		}
		if t.c.inc == 0 {
			return grant{ok: true, c: t.c}, true
		}
		p, _ := t.find(key, hash, k.shift)
		if p == nil {
			return grant{}, false
		}
		tat := p.tat.Load()
		now := k.clock.Now() - t.origin // after the arrival time: see grantNow
		if tat == frozen || now < 0 || now >= t.c.horizon {
			return grant{}, false
		}
		if g := k.judge(t.c, tat, now, n); g.tat == tat || p.tat.CompareAndSwap(tat, g.tat) {
			return g, true
		}
		backOff(tries)
	}
}

// judge decides about n tokens of a bucket and returns it as it is afterwards.
func (k *Keyed[K]) judge(c *cell, tat, time, n int64) grant {
	now := c.now(time)
	start := max(tat, now)
	switch {
	case n == 0 || c.inc == 0:
		return grant{true, c, tat, now, time}
	case n > c.burst && !k.cfg.single.debt || n > c.room-c.burst || start+c.need(n)-now > c.tol:
		return grant{false, c, tat, now, time}
	}
	return grant{true, c, start + c.cost(n), now, time}
}

// slow decides where a key may have no place, or another limit than before, or may
// be parked.
func (k *Keyed[K]) slow(key K, hash uint64, n int64) (grant, *Limiter) {
	l := k.limitFor(key)
	for {
		at := k.lock(key, hash, l)
		if at.p == nil { // a bucket that is full, so it needs a place only to give
			now := at.reading - at.t.origin
			g := k.judge(at.c, at.c.now(now), now, n)
			if !g.ok || n == 0 || at.c.inc == 0 {
				at.s.mu.Unlock()
				return g, k.rest
			}
			if !k.admit(&at, key, hash) {
				at.s.mu.Unlock()
				if same(key, key) && k.sweep() {
					continue
				}
				k.shared.Add(1)
				return k.rest.grantNow(n), k.rest
			}
		}
		if at.p.tat.Load() == frozen {
			return k.decideParked(at, key, n)
		}
		g := k.take(at, n)
		at.s.mu.Unlock()
		return g, k.rest
	}
}

// take takes n tokens of a bucket in the locked table, for which others may ask at
// the same time without the lock.
func (k *Keyed[K]) take(at seat[K], n int64) grant {
	for {
		tat := at.p.tat.Load()
		now := k.clock.Now() - at.t.origin // after the arrival time: see grantNow
		if g := k.judge(at.c, tat, now, n); g.tat == tat || at.p.tat.CompareAndSwap(tat, g.tat) {
			return g
		}
	}
}

// limitFor asks PerKey for the limit of a key.
func (k *Keyed[K]) limitFor(key K) limit {
	if k.limit == nil {
		return limit{}
	}
	r, burst := k.limit(key)
	checkBurst(burst)
	return limit{r, burst}
}
