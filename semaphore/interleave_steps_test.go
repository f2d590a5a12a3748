package semaphore_test

func (m *machine) release(s *mState, a *mActor) bool {
	switch a.pc {
	case "release":
		s.word.used -= a.n
		if a.pc = "released"; s.word.flags == 0 && s.word.used >= 0 {
			a.end(0)
		}
	case "released":
		a.st = s.word
		switch {
		case a.st.flags&mResized != 0:
			a.pc = "released sure"
		case a.st.used < 0:
			a.pc = "lock undo"
		case mDue(a.st):
			a.pc, a.then = "lock look", "ok"
		default:
			a.end(0)
		}
	case "released sure":
		switch {
		case s.capacity == mChanging || s.heldOf(a.st, s.capacity) < 0:
			a.pc = "lock undo"
		case mDue(a.st):
			a.pc, a.then = "lock look", "ok"
		default:
			a.end(0)
		}
	case "undo":
		if a.pc, a.then = "unlock", "ok"; s.heldOf(s.word, s.capacity) < 0 {
			a.pc = "give back"
		}
	case "give back":
		s.word.used += a.n
		a.pc = "put"
	case "put":
		a.st = s.word
		switch held := s.heldOf(a.st, s.capacity); {
		case held < 0:
			s.mu, a.pc = 0, "lock put"
		case a.n > held:
			a.pc, a.then = "unlock", "panic"
		default:
			a.pc = "put swap"
		}
	case "put swap":
		if a.pc = "put"; s.swap(a, a.st.used-a.n, a.st.flags) {
			a.pc, a.then = "unlock", "ok"
		}
	case "unlock":
		a.st = s.word
		a.pc = "wake"
		if held := s.heldOf(a.st, s.capacity); a.st.flags&mAll != 0 && held >= 0 && held < s.all {
			a.pc = "end rule"
		}
	case "end rule":
		s.word.flags &^= mAll
		a.pc = "wake"
	default:
		return false
	}
	return true
}

func (m *machine) resize(s *mState, a *mActor) bool {
	switch a.pc {
	case "compare":
		if a.pc = "changing"; s.limit == a.n {
			s.mu = 0
			a.end(0)
		}
	case "changing":
		a.from, s.capacity = s.capacity, mChanging
		a.pc = "change"
	case "change":
		a.st = s.word
		if a.pc = "change swap"; s.heldOf(a.st, a.from) < 0 {
			a.pc = "settle"
		}
	case "change swap":
		if a.pc = "retry"; s.swap(a, a.st.used+a.from-a.n, a.st.flags|mResized) {
			a.pc = "changed"
		}
	case "settle":
		s.capacity, s.mu = a.from, 0
		a.pc = "lock resize"
	case "retry":
		s.capacity = a.from
		a.pc = "changing"
	case "changed":
		s.capacity, s.limit = a.n, a.n
		a.pc, a.then = "wake", "ok"
		for _, w := range s.queue {
			if w == 0 || s.actors[w-1].n <= s.limit {
				continue
			}
			s.actors[w-1].waits = 'f'
			s.dequeue(w)
			if s.woken == w {
				s.woken = 0
				s.word.flags &^= mWoken
			}
		}
	default:
		return false
	}
	return true
}

// wake is wakeLocked, and the unlock behind it.
func (m *machine) wake(s *mState, a *mActor, me int8) bool {
	switch a.pc {
	case "wake":
		switch {
		case s.woken != 0:
			a.pc = "leave"
		case s.queue[0] == 0:
			s.word.flags &^= mWaiting
			a.pc = "leave"
		default:
			a.st = s.word
			if a.pc = "leave"; !mFitsHead(s, a) {
				break
			}
			if a.pc = "wake head"; m.fifo {
				a.pc = "grant"
			}
		}
	case "wake head":
		s.word.flags |= mWoken
		s.woken = s.queue[0]
		s.actors[s.woken-1].waits = 'w'
		a.pc = "leave"
	case "grant":
		head := s.queue[0]
		w := &s.actors[head-1]
		need, _ := s.fits(a.st, w.n)
		if s.take(a, w.n, need) {
			w.got, w.waits = need, 'g'
			s.dequeue(head)
		}
		a.pc = "wake"
	case "leave":
		s.mu = 0
		switch a.then {
		case "block":
			a.pc = "blocked"
		case "panic":
			a.panics++
			a.end(a.n)
		case "got":
			a.end(a.got)
		default:
			a.end(0)
		}
	default:
		return false
	}
	return true
}

func mFitsHead(s *mState, a *mActor) bool {
	_, ok := s.fits(a.st, s.actors[s.queue[0]-1].n)
	return ok
}
