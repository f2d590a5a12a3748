package ratelimit

// SetRate changes the rate of all keys from now on, as [Limiter.SetRate] does: the
// tokens stay, and those who wait are repriced. It goes through the keys part by
// part; when it returns, all have the new rate. With [PerKey] it changes that of the
// bucket alone that keys share for which there is no place.
func (k *Keyed[K]) SetRate(r Rate) {
	k.set(func(c *cell) (Rate, int64) { return r, c.burst })
}

// SetBurst changes the burst of all keys from now on, as [Limiter.SetBurst] does,
// but that a full bucket stays full, since it is that of a key that never came. With
// [PerKey] it changes that of the bucket alone that keys share for which there is no
// place. It panics if burst is not between 1 and [MaxBurst].
func (k *Keyed[K]) SetBurst(burst int) {
	checkBurst(burst)
	k.set(func(c *cell) (Rate, int64) { return c.rate, int64(burst) })
}

func (k *Keyed[K]) set(change func(*cell) (Rate, int64)) {
	k.setting.Lock()
	defer k.setting.Unlock()
	r, burst := change(k.rest.cell.Load())
	k.rest.SetRate(r)
	k.rest.SetBurst(int(burst))
	if k.limit != nil || k.base.rate == r && k.base.burst == burst {
		return
	}
	// Room for the debts that there may be.
	c := newCell(r, burst, max(k.plan.room, k.base.room+burst-k.base.burst), 0)
	c.quicken(0)
	k.base = c
	empty := k.fresh(c)
	for i := range k.shards {
		for _, p := range k.follow(&k.shards[i], c, empty) {
			p.follow()
		}
	}
}

// follow gives the keys of a shard another limit, and returns those for which the
// caller must do it.
func (k *Keyed[K]) follow(s *shard[K], c *cell, empty *table[K]) []*parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.table.Load().used == 0 {
		s.table.Store(empty)
		return nil
	}
	k.rebuild(s, c, k.clock.Now(), 0)
	all := make([]*parked, 0, len(s.parked))
	for _, p := range s.parked {
		p.limit.Store(c)
		all = append(all, p)
	}
	return all
}

// Rate returns the rate of the keys to which [PerKey] gives no other.
func (k *Keyed[K]) Rate() Rate { return k.rest.Rate() }

// Burst returns the burst of the keys to which [PerKey] gives no other.
func (k *Keyed[K]) Burst() int { return k.rest.Burst() }
