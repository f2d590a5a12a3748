package semaphore

// SetLimit changes the number of permits. A higher limit serves those who wait
// at once. A lower one takes nothing from those who hold permits: while more
// are out than the limit allows, Available is 0 and releases drain the excess.
// Callers in the queue that now ask for more than the limit get [ErrTooLarge].
//
// It panics if limit is not between 1 and [MaxLimit]. It allocates 128 bytes.
func (s *Semaphore) SetLimit(limit int64) {
	checkLimit(limit)
	s.mu.Lock()
	old := s.cell.Load()
	if old.limit == limit {
		s.mu.Unlock()
		return
	}
	st := old.word.Or(flagFrozen) // from here on nothing changes in the old cell
	s.cell.Store(newCell(limit, st+(limit-old.limit)<<shift))

	var ready chain
	if limit < old.limit {
		s.queue.each(func(w *waiter) {
			if w.n > limit {
				s.failLocked(w, ErrTooLarge, &ready)
			}
		})
	}
	ready.join(s.wakeLocked())
	s.mu.Unlock()
	ready.send()
}

// Close makes every acquisition fail with [ErrClosed] from now on, also those
// that wait. Permits that are held stay held and are released as ever. To wait
// for them too, call [Semaphore.AcquireAll] before. Close may be called again.
func (s *Semaphore) Close() {
	s.mu.Lock()
	s.cell.Load().word.Or(flagClosed)
	var ready chain
	s.queue.each(func(w *waiter) { s.failLocked(w, ErrClosed, &ready) })
	s.idleLocked()
	s.mu.Unlock()
	ready.send()
}
