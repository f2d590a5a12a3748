package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"sync"
)

// shard is a part of the table: open addressing with linear probing. Nothing is
// ever removed from a place but by rehashing, so there are no tombstones: a key
// whose bucket is full again stays where it is until a new key takes its place.
type shard[K comparable] struct {
	mu     sync.Mutex
	origin int64 // the reading of the clock at which now is 0, in every unit
	tags   []uint8
	places []place[K]
	class  []uint16 // the number of each place's limit; nil while all are 0
	used   int      // places in use
	reused int      // idle places that new keys took since the last rehash
	idle   int64    // no place is idle before this reading of the clock
	parked map[K]*parked
	_      [64]byte // keeps the mutexes of two shards on different cache lines
}

type place[K comparable] struct {
	key K
	tat int64 // in the unit of its limit; frozen while the key is parked
}

// probe is what looking for a key found.
type probe struct {
	at    int  // its place, or one to put it; -1: there is none
	found bool // it is there
	fresh bool // the place was never used
}

func tagOf(hash uint64) uint8 { return uint8(hash)&0x7f | 0x80 } // #nosec G115 -- the low bits

// home returns where a key of that hash is put if it can.
func (s *shard[K]) home(hash uint64, shift int) int {
	hi, _ := bits.Mul64(hash<<(64-shift), uint64(len(s.tags))) // the bits that chose the shard say nothing here
	return int(hi)                                             // #nosec G115 -- below len
}

// find looks for key, and for a place to put it.
func (s *shard[K]) find(key K, hash uint64, shift int, c *classes, t int64) probe {
	free := -1
	if len(s.tags) == 0 {
		return probe{at: free}
	}
	tag := tagOf(hash)
	for i := s.home(hash, shift); ; i = s.after(i) {
		switch have := s.tags[i]; {
		case have == 0:
			if free >= 0 {
				return probe{at: free}
			}
			return probe{at: i, fresh: true}
		case have == tag && s.places[i].key == key:
			return probe{at: i, found: true}
		case free < 0 && s.isIdle(i, c, t):
			free = i
		}
	}
}

// after returns the place to look at next.
func (s *shard[K]) after(i int) int {
	if i++; i < len(s.tags) {
		return i
	}
	return 0
}

// number returns the number of a place's limit.
func (s *shard[K]) number(i int) uint16 {
	if s.class == nil {
		return 0
	}
	return s.class[i]
}

// isIdle reports whether the bucket at a place is full.
func (s *shard[K]) isIdle(i int, c *classes, t int64) bool {
	tat := s.places[i].tat
	return tat != frozen && tat <= c.cells[s.number(i)].now(t-s.origin)
}

// put writes a key to a place.
func (s *shard[K]) put(p probe, key K, hash uint64, number uint16, tat int64) {
	s.tags[p.at] = tagOf(hash)
	s.places[p.at] = place[K]{key, tat}
	s.classify(p.at, number)
}

// admit writes a new key with a full bucket to a place. It will not be idle again
// before it has regained the first token that it takes.
func (s *shard[K]) admit(p probe, key K, hash uint64, number uint16, c *cell, t int64) {
	now := c.now(t - s.origin)
	s.put(p, key, hash, number, now)
	s.idle = min(s.idle, s.origin+min(c.time(now+c.inc), never-max(s.origin, 0)))
	if p.fresh {
		s.used++
	} else {
		s.reused++
	}
}

func (s *shard[K]) classify(i int, number uint16) {
	if number != 0 && s.class == nil {
		s.class = make([]uint16, len(s.tags))
	}
	if s.class != nil {
		s.class[i] = number
	}
}

// rehash leaves out the idle keys and makes room for one more. It returns how
// many places were given up.
func (s *shard[K]) rehash(seed maphash.Seed, shift int, c *classes, t int64) (freed int) {
	live := 0
	for i := range s.tags {
		if s.tags[i] != 0 && !s.isIdle(i, c, t) {
			live++
		}
	}
	old := shard[K]{origin: s.origin, tags: s.tags, places: s.places, class: s.class}
	freed = s.used - live
	size := (live+1)*7/5 + 4
	s.tags, s.places, s.class = make([]uint8, size), make([]place[K], size), nil
	s.used, s.reused, s.idle = live, 0, never
	for i, tag := range old.tags {
		if tag == 0 || old.isIdle(i, c, t) {
			continue
		}
		from := &old.places[i]
		hash := maphash.Comparable(seed, from.key)
		at, n := s.home(hash, shift), old.number(i)
		for s.tags[at] != 0 {
			at = s.after(at)
		}
		s.put(probe{at: at}, from.key, hash, n, from.tat)
		if from.tat != frozen {
			s.idle = min(s.idle, s.origin+min(c.cells[n].time(from.tat), never-max(s.origin, 0)))
		}
	}
	return freed
}

// rebase moves the origin to t before a unit reaches its horizon.
func (s *shard[K]) rebase(c *classes, t int64) {
	origin := s.origin + (t-s.origin)>>c.align<<c.align
	for i := range s.places {
		if p := &s.places[i]; s.tags[i] != 0 && p.tat != frozen {
			p.tat = max(p.tat-c.cells[s.number(i)].now(origin-s.origin), 0)
		}
	}
	s.origin = origin
}
