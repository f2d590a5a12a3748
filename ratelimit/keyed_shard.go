package ratelimit

import (
	"sync"
	"sync/atomic"
)

// shard is what one lock guards of a Keyed.
type shard[K comparable] struct {
	mu     sync.Mutex
	table  *atomic.Pointer[table[K]] // replaced under mu alone
	parked map[K]*parked
	_      [40]byte // keeps the mutexes of two shards on different cache lines
}

// seat is what a locked shard has for a key.
type seat[K comparable] struct {
	s       *shard[K]
	t       *table[K]
	p       *place[K] // nil: none
	c       *cell     // the limit of the key
	reading int64     // of the clock, at which t can compute
}

// lock locks the shard of a key with a limit, which it has from now on. The clock
// is read under the lock: see grantNow.
func (k *Keyed[K]) lock(key K, hash uint64, l limit) seat[K] {
	s := &k.shards[k.index(hash)]
	s.mu.Lock()
	at := seat[K]{s: s, t: s.table.Load(), reading: k.clock.Now()}
	if at.reading-at.t.origin >= at.t.horizon {
		at.t = k.rebuild(s, nil, at.reading, lingers)
	}
	var i int
	at.p, i = at.t.find(key, hash, k.shift)
	at.c = at.t.c
	if at.t.own == nil {
		return at
	}
	if at.p != nil && at.t.own[i].is(l) {
		at.c = at.t.own[i]
		return at
	}
	at.c = k.plan.cell(l)
	if !at.t.fits(at.c, at.reading) {
		at.t = k.rebuild(s, nil, at.reading, lingers)
		at.p, i = at.t.find(key, hash, k.shift)
	}
	if at.p != nil {
		k.changeLocked(at, i)
	}
	return at
}

// changeLocked gives the key of a place another limit: at.c. All who use a table
// with such limits hold the lock.
func (k *Keyed[K]) changeLocked(at seat[K], i int) {
	from := at.t.own[i]
	at.t.own[i] = at.c
	tat := at.p.tat.Load()
	if tat == frozen {
		return // whoever uses it follows
	}
	now := at.reading - at.t.origin
	tat = at.c.now(now) + from.recast(tat-from.now(now), at.c)
	at.p.tat.Store(tat)
	k.lower(at.t.wanes(at.c, tat))
}

// admit gives a key a place with a full bucket, from which a token is about to be
// taken: it will not be idle again before it has come back. It is false if there is
// no place.
func (k *Keyed[K]) admit(at *seat[K], key K, hash uint64) bool {
	if !same(key, key) {
		return false // NaN: it would never be found again
	}
	all := k.used.Load() >= int64(k.cfg.maxKeys)
	if all && at.reading < at.t.idle {
		return false
	}
	switch {
	case all:
		at.t = k.rebuild(at.s, nil, at.reading, 0)
	case at.t.full():
		at.t = k.rebuild(at.s, nil, at.reading, lingers)
	}
	for {
		used := k.used.Load()
		if used >= int64(k.cfg.maxKeys) {
			return false
		}
		if k.used.CompareAndSwap(used, used+1) {
			break
		}
	}
	now := at.c.now(at.reading - at.t.origin)
	at.p = at.t.put(key, hash, k.shift, at.c, now)
	k.lower(at.t.wanes(at.c, now+at.c.inc))
	return true
}

func same[K comparable](a, b K) bool { return a == b }

// rebuild replaces the table of a locked shard and returns the next; see rebuilt.
func (k *Keyed[K]) rebuild(s *shard[K], c *cell, reading, idle int64) *table[K] {
	t := s.table.Load()
	next := t.rebuilt(c, reading, idle, k.seed, k.shift)
	s.table.Store(next)
	k.used.Add(int64(next.used - t.used))
	k.lower(next.idle)
	return next
}

// lower notes a time at which a key may be idle. The one of a sweep that is under way
// comes first, so that the sweep sees it or what it ends with is lowered after all.
func (k *Keyed[K]) lower(at int64) {
	lower(&k.next, at)
	lower(&k.soonest, at)
}

func lower(v *atomic.Int64, to int64) {
	for have := v.Load(); to < have; have = v.Load() {
		if v.CompareAndSwap(have, to) {
			return
		}
	}
}

// room reports whether there is a place, and whether there is none to be had.
func (k *Keyed[K]) room(reading int64) (free, none bool) {
	soonest := k.soonest.Load() // first: who drops a key makes room before this says that none is idle
	return k.used.Load() < int64(k.cfg.maxKeys), reading < soonest
}

// sweep sees to it that there is a place, and reports whether there was: it drops the
// idle keys of one shard, each time of the next that has any. Others who need a place
// wait, and then look again.
func (k *Keyed[K]) sweep() bool {
	if free, none := k.room(k.clock.Now()); free || none {
		return free
	}
	k.sweeping.Lock()
	defer k.sweeping.Unlock()
	reading := k.clock.Now()
	if free, none := k.room(reading); free || none {
		return free
	}
	k.next.Store(never)
	for range k.shards {
		k.swept = (k.swept + 1) % len(k.shards)
		s := &k.shards[k.swept]
		s.mu.Lock()
		t := s.table.Load()
		freed := 0
		if reading >= t.idle {
			freed = t.used - k.rebuild(s, nil, reading, 0).used
		} else {
			lower(&k.next, t.idle)
		}
		s.mu.Unlock()
		if freed > 0 {
			return true // soonest stays, as not all were looked at
		}
	}
	k.soonest.Store(k.next.Load())
	lower(&k.soonest, k.next.Load())
	free, _ := k.room(reading) // somebody may have made room for itself and more
	return free
}

// fresh returns a table without a place, for every shard that has no keys.
func (k *Keyed[K]) fresh(c *cell) *table[K] {
	t := newTable[K](c, 1, k.limit != nil)
	t.places, t.own = nil, t.own[:0]
	return t
}

// newTables makes the shards, all of them empty.
func (k *Keyed[K]) newTables(n int, c *cell) {
	k.tables, k.shards = make([]atomic.Pointer[table[K]], n), make([]shard[K], n)
	empty := k.fresh(c)
	for i := range k.shards {
		if k.limit != nil { // under its lock a shard tells its table of every limit: see fits
			empty = k.fresh(c)
		}
		k.tables[i].Store(empty)
		k.shards[i].table = &k.tables[i]
	}
}
