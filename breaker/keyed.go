package breaker

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// Keyed is a breaker for each key: a host, a tenant, a shard. Make it with
// [NewKeyed]; the zero value is not usable, and it must not be copied. It is
// safe for concurrent use.
//
// A breaker is made when its key is first used, and forgotten when it was not
// used for the time of [IdleAfter], unless it is open, half-open or forced: an
// open breaker is not forgotten just because nobody may call. With [MaxKeys]
// keys, the one that went unused for longest among those that may be forgotten
// makes room, as far as a look at a few tells; where there is none, the new key
// shares one breaker with all others that found no room.
//
// Cost: a lookup hashes the key and takes one of 16 mutexes for a map access,
// and allocates nothing for a key that is there. A key costs about a kilobyte.
type Keyed[K comparable] struct {
	cfg    keyedConfig
	each   *config // of the breakers
	quota  *quota
	seed   maphash.Seed
	shards [keyShards]shard[K]
	rest   *Breaker // of keys without room

	size, evicted, overflow atomic.Int64

	mu    sync.Mutex
	timer *time.Timer // of the next sweep; guarded by mu
	armed bool
}

const keyShards = 16

// shard is a part of the keys, by hash.
type shard[K comparable] struct {
	mu   sync.Mutex
	keys map[K]*entry
	// adding is held while a key is added, and mu within it: of many that ask for
	// one new key, one alone makes room.
	adding sync.Mutex
	_      [104]byte
}

// entry is the breaker of a key. The shard's mutex guards used.
type entry struct {
	b    *Breaker
	used bool // since the last sweep
}

// retire reports whether the breaker may be forgotten, because that lets no call
// through that it would refuse. Then it leaves the quota: a call that still runs
// may open it, and nobody would ever close it.
func (e *entry) retire() bool {
	b := e.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != Closed || b.mode != Automatic || b.ramp.step.Load() != 0 {
		return false
	}
	b.quota = nil
	return true
}

// NewKeyed returns a breaker a key, each made with the options among opts that
// [New] takes. Events are shared by all keys: they do not tell the key, and those
// of two keys may be told at the same time.
func NewKeyed[K comparable](opts ...KeyedOption) *Keyed[K] {
	c := newKeyedConfig(opts)
	k := &Keyed[K]{cfg: c, seed: maphash.MakeSeed()}
	k.quota = &quota{share: c.share, keys: &k.size}
	k.each = newConfig(c.breaker)
	for i := range k.shards {
		k.shards[i].keys = map[K]*entry{}
	}
	k.rest = newBreaker(k.each)
	k.each.quota = k.quota // the rest is no key
	return k
}

// Do is [Breaker.Do] with the breaker of key.
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func(context.Context) error) error {
	return k.Breaker(key).Do(ctx, fn)
}

// Breaker returns the breaker of key, for a call or two: kept for longer, it may
// be forgotten meanwhile, and others are given another one.
func (k *Keyed[K]) Breaker(key K) *Breaker {
	if k.each == nil {
		panic("breaker: the zero Keyed is not usable, make one with NewKeyed")
	}
	s := k.shard(key)
	if b := s.find(key); b != nil {
		return b
	}
	return k.add(key, s)
}

func (k *Keyed[K]) shard(key K) *shard[K] {
	return &k.shards[maphash.Comparable(k.seed, key)%keyShards]
}

// add makes the breaker of a key that is not there.
func (k *Keyed[K]) add(key K, s *shard[K]) *Breaker {
	s.adding.Lock()
	defer s.adding.Unlock()
	if b := s.find(key); b != nil {
		return b // somebody else was faster
	}
	// A key that does not equal itself, NaN, would never be found again, nor
	// could it be deleted.
	if key != key || !k.reserve() {
		k.overflow.Add(1)
		return k.rest
	}
	e := &entry{b: newBreaker(k.each), used: true}
	s.mu.Lock()
	s.keys[key] = e
	s.mu.Unlock()
	k.sweepLater()
	return e.b
}

// find returns the breaker of a key, and nil if it has none.
func (s *shard[K]) find(key K) *Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys[key]
	if e == nil {
		return nil
	}
	e.used = true
	return e.b
}

// reserve makes room for one more key.
func (k *Keyed[K]) reserve() bool {
	for {
		n := k.size.Load()
		if n < int64(k.cfg.maxKeys) {
			if k.size.CompareAndSwap(n, n+1) {
				return true
			}
			continue
		}
		if !k.evictOne() {
			return false
		}
	}
}

// evictOne forgets a key to make room: of the first few of each shard, which a
// map gives in random order, one that was not used since the last sweep, or else
// any that may be forgotten.
func (k *Keyed[K]) evictOne() bool {
	for _, usedToo := range []bool{false, true} {
		for i := range k.shards {
			if k.shards[i].evict(usedToo, 8) {
				k.gone(1)
				return true
			}
		}
	}
	return false
}

func (s *shard[K]) evict(usedToo bool, looks int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.keys {
		if (usedToo || !e.used) && e.retire() {
			delete(s.keys, key)
			return true
		}
		if looks--; looks == 0 {
			break
		}
	}
	return false
}

func (k *Keyed[K]) gone(n int64) {
	k.size.Add(-n)
	k.evicted.Add(n)
}

// sweepLater starts the timer if it does not run. Like a breaker's, it holds
// its object weakly.
func (k *Keyed[K]) sweepLater() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.armed {
		return
	}
	k.armed = true
	if k.timer != nil {
		k.timer.Reset(k.cfg.idle)
		return
	}
	ref := weak.Make(k)
	k.timer = time.AfterFunc(k.cfg.idle, func() {
		if k := ref.Value(); k != nil {
			k.sweep()
		}
	})
}

// sweep forgets the keys that were not used since the last one.
func (k *Keyed[K]) sweep() {
	k.mu.Lock()
	k.armed = false
	k.mu.Unlock()
	left := 0
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.Lock()
		for key, e := range s.keys {
			if !e.used && e.retire() {
				delete(s.keys, key)
				k.gone(1)
			}
			e.used = false
		}
		left += len(s.keys)
		s.mu.Unlock()
	}
	if left > 0 {
		k.sweepLater()
	}
}

// KeyedStats is a snapshot; the fields may be of moments a little apart.
type KeyedStats struct {
	// Keys is the number of keys that have a breaker.
	Keys int
	// NotClosed is how many breakers are open or half-open.
	NotClosed int
	// Evicted counts breakers that were forgotten.
	Evicted int64
	// Overflow counts calls of keys that found no room.
	Overflow int64
}

// Stats returns a snapshot of the whole; for that of a key, ask its Breaker.
func (k *Keyed[K]) Stats() KeyedStats {
	return KeyedStats{
		Keys:      int(k.size.Load()),
		NotClosed: int(k.quota.open.Load()),
		Evicted:   k.evicted.Load(),
		Overflow:  k.overflow.Load(),
	}
}
