package semaphore

import "github.com/weirkit/weir/internal/waiting"

// SetLimit changes the number of permits. A higher limit serves those who wait
// at once. A lower one takes nothing from those who hold permits: while more
// are out than the limit allows, Available is 0 and releases drain the excess.
// Callers in the queue that now ask for more than the limit get [ErrTooLarge].
//
// It panics if limit is not between 1 and [MaxLimit]. From the first change on
// an acquisition and a release look at the limit, too: two nanoseconds more for both.
func (s *Semaphore) SetLimit(limit int64) {
	s.mustBeMade()
	checkLimit(limit)
	s.mu.Lock()
	if s.limit.Load() == limit {
		s.mu.Unlock()
		return
	}
	s.resizeLocked(limit)
	lower := limit < s.limit.Load()
	s.limit.Store(limit)

	var ready waiting.Chain
	if lower {
		s.queue.each(func(w *waiter) {
			if w.n > limit {
				s.failLocked(w, ErrTooLarge, &ready)
			}
		})
	}
	ready.Join(s.wakeLocked())
	s.mu.Unlock()
	ready.Send()
}

// Close makes every acquisition fail with [ErrClosed] from now on, also those
// that wait. Permits that are held stay held and are released as ever. To wait
// for them too, call [Semaphore.AcquireAll] before. Close may be called again.
func (s *Semaphore) Close() {
	s.mustBeMade()
	s.mu.Lock()
	s.resizeLocked(0) // nothing is free any more
	s.closed = true
	var ready waiting.Chain
	s.queue.each(func(w *waiter) { s.failLocked(w, ErrClosed, &ready) })
	s.idleLocked()
	s.mu.Unlock()
	ready.Send()
}
