package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"
)

// table holds the buckets of a shard's keys: open addressing in groups of eight
// places, with a byte of each key's hash in a word of tags beside it (after the
// "Swiss tables" of M. Kulukundis, CppCon 2017).
//
// It is read without a lock. Written under the shard's mu are all of it but the
// arrival times, and a place only once: the key and its bucket come before the tag
// that says they are there, and nothing is ever removed. So a table that is full is
// replaced as a whole, and idle keys are left out of the next one. What is counted
// in a table that has been replaced could be lost: its arrival times are frozen
// before, and who finds one waits for mu and looks again.
type table[K comparable] struct {
	// One cache line with all that a decision reads, and that is never written.
	tags   []atomic.Uint64
	places []place[K]
	c      *cell // the limit of all keys; its fast path is closed with PerKey
	origin int64 // the reading of the clock at which now is 0, in every unit

	own     []*cell // PerKey: the limit of each place; guarded by mu as all below
	used    int     // places in use
	horizon int64   // ns after origin from which on a unit cannot compute
	align   uint64  // the coarsest unit is 2^align ns
	idle    int64   // no place is idle before this reading of the clock
}

// place is a key and the state of its bucket.
type place[K comparable] struct {
	tat atomic.Int64 // in the unit of its limit; frozen while the key is parked
	key K
}

const (
	perGroup  = 8                  // places in a group: bytes of a word
	everyTag  = 0x0101010101010101 // times a tag: that tag in each byte
	topBits   = 0x8080808080808080 // set in each tag, so that 0 is none
	tagBits   = 0x7f
	tagInUse  = 0x80
	bitsInTag = 8
)

func newTable[K comparable](c *cell, groups int, own bool) *table[K] {
	t := &table[K]{
		tags: make([]atomic.Uint64, groups), places: make([]place[K], groups*perGroup),
		c: c, idle: never, horizon: c.horizon, align: c.shr,
	}
	if own {
		t.own = make([]*cell, len(t.places))
	}
	return t
}

// home returns the group in which a key of that hash is looked for first.
func (t *table[K]) home(hash uint64, shift int) uint64 {
	g, _ := bits.Mul64(hash<<(uint(64-shift)&63), uint64(len(t.tags))) // #nosec G115 -- the bits that chose the shard say nothing here
	return g
}

// find returns the place of a key and its number, nil if it has none.
func (t *table[K]) find(key K, hash uint64, shift int) (*place[K], int) {
	tag := hash&tagBits | tagInUse
	for g := t.home(hash, shift); ; {
		have := t.tags[g].Load()
		differ := have ^ tag*everyTag
		// The bytes that are 0, and now and then one above such a byte that is not.
		for m := (differ - everyTag) &^ differ & topBits; m != 0; m &= m - 1 {
			i := g*perGroup + uint64(bits.TrailingZeros64(m))/bitsInTag // #nosec G115 -- 0 to 63
			if p := &t.places[i]; p.key == key {
				return p, int(i) // #nosec G115 -- a slice index
			}
		}
		if have&topBits != topBits {
			return nil, 0
		}
		if g++; g == uint64(len(t.tags)) {
			g = 0
		}
	}
}

// full reports whether another key would make looking for keys slow.
func (t *table[K]) full() bool { return (t.used+1)*8 > len(t.places)*7 }

// put writes a key that is not there yet, with a bucket, to the first place that
// was never used. The table is not full.
func (t *table[K]) put(key K, hash uint64, shift int, c *cell, tat int64) *place[K] {
	for g := t.home(hash, shift); ; {
		have := t.tags[g].Load()
		if free := ^have & topBits; free != 0 {
			b := bits.TrailingZeros64(free) / bitsInTag
			i := int(g)*perGroup + b // #nosec G115 -- a slice index
			p := &t.places[i]
			p.key = key
			p.tat.Store(tat)
			if t.own != nil {
				t.own[i] = c
			}
			t.used++
			t.tags[g].Store(have | (hash&tagBits|tagInUse)<<(b*bitsInTag))
			return p
		}
		if g++; g == uint64(len(t.tags)) {
			g = 0
		}
	}
}

// limitOf returns the limit of a place.
func (t *table[K]) limitOf(i int) *cell {
	if t.own == nil {
		return t.c
	}
	return t.own[i]
}

// isUsed reports whether a place has a key.
func (t *table[K]) isUsed(i int) bool {
	return t.tags[i/perGroup].Load()>>(i%perGroup*bitsInTag)&tagInUse != 0
}

// fits makes the table compute for a limit, too, and reports whether it can at a
// reading of the clock. If not, it must be replaced.
func (t *table[K]) fits(c *cell, reading int64) bool {
	t.horizon, t.align = min(t.horizon, c.horizon), max(t.align, c.shr)
	return reading-t.origin < t.horizon
}

// wanes notes that a place with that arrival time will be idle, and returns when.
func (t *table[K]) wanes(c *cell, tat int64) int64 {
	at := t.origin + min(c.time(tat), never-max(t.origin, 0))
	t.idle = min(t.idle, at)
	return at
}

// lingers is how long a key stays at least after its bucket is full, if there is
// room: putting one that comes again at once back costs more than finding it.
const lingers = int64(time.Second)

// rebuilt returns the table that follows at a reading of the clock, with room for
// more: without the keys that have been idle for that long, and where c is not nil
// with that limit for all keys. The arrival times of t are frozen from then on.
func (t *table[K]) rebuilt(c *cell, reading, idle int64, seed maphash.Seed, shift int) *table[K] {
	now := reading - t.origin
	tats, kept := t.freeze(now, now-idle)
	to := t.c
	if c != nil {
		to = c
	}
	next := newTable[K](to, ((kept+1)*7/5+4+perGroup-1)/perGroup, t.own != nil)
	next.horizon, next.align = min(t.horizon, next.horizon), max(t.align, next.align)
	// All units begin at origin, so it moves by a multiple of the coarsest, and stays
	// so far behind that it is seen for how long a key is idle.
	next.origin = t.origin + max(now-lingers, 0)>>next.align<<next.align
	for i, tat := range tats {
		if tat < 0 {
			continue
		}
		from, to := t.limitOf(i), to
		switch {
		case t.own != nil:
			to = from
			fallthrough
		case c == nil:
			if tat != frozen {
				tat = max(tat-from.now(next.origin-t.origin), 0)
			}
		case tat != frozen:
			tat = to.now(reading-next.origin) + from.recast(tat-from.now(now), to)
		}
		key := t.places[i].key
		next.put(key, maphash.Comparable(seed, key), shift, to, tat)
		if tat != frozen {
			next.wanes(to, tat)
		}
	}
	return next
}

// freeze ends the use of a table and returns the arrival times of the keys that
// stay, -1 for other places, and how many they are: all that are parked or not idle
// now, and those that were not at the time since.
func (t *table[K]) freeze(now, since int64) (tats []int64, kept int) {
	tats = make([]int64, len(t.places))
	for i := range t.places {
		tats[i] = -1
		if !t.isUsed(i) {
			continue
		}
		c, tat := t.limitOf(i), t.places[i].tat.Swap(frozen)
		if tat == frozen || tat > min(c.now(now), c.now(since)) {
			tats[i] = tat
			kept++
		}
	}
	return tats, kept
}

// recast converts what is missing from a full bucket of c to what is missing then
// from one of d: the tokens stay as far as they fit, and a full bucket stays full,
// since that of a key that never came would be.
func (c *cell) recast(missing int64, d *cell) int64 {
	if missing <= 0 || c.inc == 0 || d.inc == 0 {
		return 0
	}
	if left := c.tol - missing; left < 0 { // a debt, of decades at most
		return min(d.tol+mulDivUp(-left, d.inc, c.inc), 2*maxNow)
	} else if hi, lo := bits.Mul64(uint64(left), uint64(d.inc)); hi < uint64(c.inc) { // #nosec G115 -- positive
		tokens, _ := bits.Div64(hi, lo, uint64(c.inc))         // #nosec G115 -- positive
		return max(d.tol-int64(min(tokens, uint64(d.tol))), 0) // #nosec G115 -- at most tol
	}
	return 0
}
