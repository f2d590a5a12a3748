package semaphore

// WhileChanging runs f at the instant at which a SetLimit of s that is under way has
// announced itself and done nothing yet.
func WhileChanging(s *Semaphore, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.low.Load()
	s.low.Store(changing)
	defer s.low.Store(before)
	f()
}
