package ratelimit

// Len returns the number of keys that are limited now: those whose buckets are not
// full. It looks at all of them.
func (k *Keyed[K]) Len() int {
	n := 0
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.Lock()
		t := s.table.Load()
		now := k.clock.Now() - t.origin
		for j := range t.places {
			if !t.isUsed(j) {
				continue
			}
			if tat := t.places[j].tat.Load(); tat == frozen || tat > t.limitOf(j).now(now) {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}

// KeyedStats is a snapshot; the fields may be of moments a little apart.
type KeyedStats struct {
	// Rate and Burst are those of the keys to which PerKey gives no other.
	Rate  Rate
	Burst int
	// Keys is the number of keys that have a place in the table: those that are
	// limited, and idle ones that have not been left out yet. It is at most MaxKeys.
	Keys int
	// Queues is the number of keys for which somebody waits.
	Queues int
	// Overflow counts requests of keys that found no place, so that the bucket decided
	// that such keys share. More than a few say that MaxKeys is too small.
	Overflow int64
}

// Stats returns a snapshot. It looks at each part of the table once, and at no keys:
// how many of them are limited, Len tells.
func (k *Keyed[K]) Stats() KeyedStats {
	s := KeyedStats{Rate: k.Rate(), Burst: k.Burst(), Keys: int(k.used.Load()), Overflow: k.shared.Load()}
	for i := range k.shards {
		k.shards[i].mu.Lock()
		s.Queues += len(k.shards[i].parked)
		k.shards[i].mu.Unlock()
	}
	return s
}
