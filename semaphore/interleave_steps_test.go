package semaphore_test

func (m *machine) release(s *mState, i int) bool {
	a := &s.actors[i]
	switch a.pc {
	case "release":
		s.word.used -= a.n
		if m.wrong[i] && m.ops[i][a.op].n > 0 {
			a.sub = a.n
		}
		if a.pc = "released"; s.word.flags == 0 && s.word.used >= 0 {
			a.end(0)
		}
	case "released":
		a.st = s.word
		a.pc = "released plain"
	case "released plain":
		if a.pc = "released again"; a.st.flags == s.low.flags && mHeldOf(a.st, s.low) >= 0 {
			a.end(0)
		}
	case "released again":
		a.st = s.word
		a.pc = "released sure"
	case "released sure":
		switch {
		case mHeldOf(a.st, s.low) < 0:
			a.pc = "lock undo"
		case mDue(a.st):
			a.pc, a.then = "lock look", "ok"
		default:
			a.end(0)
		}
	case "undo":
		if a.pc, a.then = "unlock", "ok"; mHeldOf(s.word, s.low) < 0 {
			a.pc = "give back"
		}
	case "give back":
		s.word.used += a.n
		a.sub, a.pc = 0, "put"
	case "put":
		a.st = s.word
		switch held := mHeldOf(a.st, s.low); {
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
		if held := mHeldOf(a.st, s.low); a.st.flags&mAll != 0 && held >= 0 && held < s.all {
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
		a.before, s.low = s.low, mChanging
		a.pc = "change"
	case "change":
		a.st = s.word
		if a.pc = "change swap"; mHeldOf(a.st, a.before) < 0 {
			a.pc = "settle"
		}
	case "change swap":
		if a.pc = "retry"; s.swap(a, a.st.used+(mFirst-a.n)-a.before.used, a.st.flags|mResized) {
			a.pc = "changed"
		}
	case "settle":
		s.low, s.mu = a.before, 0
		a.pc = "lock resize"
	case "retry":
		s.low = a.before
		a.pc = "changing"
	case "changed":
		s.low, s.limit = mWord{mFirst - a.n, mResized}, a.n
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
