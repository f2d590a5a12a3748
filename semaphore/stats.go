package semaphore

import "time"

// Stats is a snapshot. Limit, Held, Available and Waiting are of one moment;
// the counts are each right and may be of moments a little apart.
type Stats struct {
	// Limit is the number of permits there are.
	Limit int64
	// Held is the number of permits that are out, those included that are on
	// their way to a caller in the queue. It exceeds Limit while a lowered limit
	// drains.
	Held int64
	// Available is Limit - Held, and 0 while a lowered limit drains.
	Available int64
	// Waiting is the number of callers in the queue.
	Waiting int
	// Acquired counts acquisitions that succeeded; -1 without the option Counted.
	Acquired int64
	// Waits counts callers that stood in the queue and have left it.
	Waits int64
	// Rejected counts acquisitions refused with one of this package's errors.
	Rejected int64
	// Cancelled counts waits that their context ended. An acquisition whose
	// context was done beforehand changes nothing, so it is not counted.
	Cancelled int64
	// WaitTotal and WaitMax are the time spent in the queue, however the wait
	// ended: by all together and by the one that waited longest.
	WaitTotal, WaitMax time.Duration
}

// Stats returns a snapshot.
func (s *Semaphore) Stats() Stats {
	s.mustBeMade()
	s.mu.Lock()
	limit, held := s.readLocked()
	waiting := s.queue.n
	s.mu.Unlock()

	acquired := int64(-1)
	if s.cfg.acquired != nil {
		acquired = s.cfg.acquired.Load()
	}
	return Stats{
		Limit:     limit,
		Held:      held,
		Available: max(limit-held, 0),
		Waiting:   waiting,
		Acquired:  acquired,
		Waits:     s.counts.Waits(),
		Rejected:  s.counts.Rejected.Load(),
		Cancelled: s.counts.Cancelled.Load(),
		WaitTotal: s.counts.Total(),
		WaitMax:   s.counts.Longest(),
	}
}

// Limit returns the number of permits there are, held or not.
func (s *Semaphore) Limit() int64 { return s.limit.Load() }

// Held returns the number of permits that are out. It exceeds the limit while a
// lowered limit drains.
func (s *Semaphore) Held() int64 {
	if st := s.word.Load(); st>>plainShift == 1 {
		return st - bias
	}
	_, held := s.read()
	return held
}

// Available returns the number of free permits. The next moment another may
// have them: to take what is free, use [Semaphore.TryAcquire].
func (s *Semaphore) Available() int64 { limit, held := s.read(); return max(limit-held, 0) }

// Waiting returns the number of callers in the queue.
func (s *Semaphore) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.n
}
