package semaphore

import "time"

// Limit returns the number of permits that each key has.
func (k *Keyed[K]) Limit() int64 { return k.limit.Load() }

// Len returns the number of keys in use: those of which somebody holds a permit
// or waits for one.
func (k *Keyed[K]) Len() int { return int(k.keys.Load()) }

// Held returns the number of permits of key that are out.
func (k *Keyed[K]) Held(key K) int64 {
	held, _ := k.look(key)
	return held
}

// Waiting returns the number of callers in the queue of key.
func (k *Keyed[K]) Waiting(key K) int {
	_, waiting := k.look(key)
	return waiting
}

func (k *Keyed[K]) look(key K) (held int64, waiting int) {
	sh := k.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.byKey[key]; e != nil {
		st := e.s.Stats()
		return st.Held, st.Waiting
	}
	return 0, 0
}

// KeyedStats is a snapshot. Each figure is right; they may be of moments a
// little apart.
type KeyedStats struct {
	// Limit is the number of permits that each key has.
	Limit int64
	// Keys is the number of keys in use, MaxKeys their bound.
	Keys, MaxKeys int
	// Held is the number of permits that are out, of all keys together.
	Held int64
	// Waiting is the number of callers in the queues of all keys.
	Waiting int
	// Acquired, Waits, Rejected, Cancelled, WaitTotal and WaitMax are those of
	// Stats for all keys that ever were.
	Acquired, Waits, Rejected, Cancelled int64
	WaitTotal, WaitMax                   time.Duration
}

// Stats returns a snapshot, in time in proportion to the number of keys in use.
func (k *Keyed[K]) Stats() KeyedStats {
	st := KeyedStats{
		Limit:     k.Limit(),
		Keys:      k.Len(),
		MaxKeys:   int(k.cfg.maxKeys),
		Acquired:  -1,
		Waits:     k.counts.Waits(),
		Rejected:  k.counts.Rejected.Load(),
		Cancelled: k.counts.Cancelled.Load(),
		WaitTotal: k.counts.Total(),
		WaitMax:   k.counts.Longest(),
	}
	if k.cfg.acquired != nil {
		st.Acquired = k.cfg.acquired.Load()
	}
	k.each(nil, func(s *Semaphore) {
		one := s.Stats()
		st.Held += one.Held
		st.Waiting += one.Waiting
	})
	return st
}
