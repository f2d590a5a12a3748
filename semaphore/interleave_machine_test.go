package semaphore_test

// This is the protocol of word.go once more, as a machine whose every step is one
// atomic operation, so that each order in which three callers can take their steps
// is tried. It must be kept in step with the code by hand: what it shows is that
// the protocol is right, and the stress tests that the code follows it.

// The flags of the word.
const (
	mResized = 1 << iota
	mAll
	mWaiting
	mWoken
)

const (
	mFirst   = 3 // the limit of New
	mHighest = 5 // the highest of SetLimit
	mWantAll = -1
	mActors  = 3
	mOps     = 3
)

// mWord is a word, or low, without its bias.
type mWord struct {
	used  int8
	flags uint8
}

// mChanging is low while it changes: above every word.
var mChanging = mWord{100, 255}

// mOp is a call: acquire n (mWantAll: all), release n (0: what the last one got),
// or set the limit to n.
type mOp struct {
	do byte // 'a', 'r' or 's'; 0: none
	n  int8
}

// mActor is one caller. Its pc names the next atomic step.
type mActor struct {
	pc      string
	op      int8
	n, got  int8
	st      mWord  // what it loaded last
	before  mWord  // low before it changed
	then    string // where it goes from wake: "ok", "got", "panic" or "block"
	waits   byte   // 0, 'q'ueued, 'w'oken, 'g'ranted or 'f'ailed
	panics  int8
	balance int8 // what it has, by its own account
	sub     int8 // what it subtracted without right, and has not taken back
}

// mState is comparable: it is the key of what was visited.
type mState struct {
	word, low  mWord
	limit, all int8
	mu, woken  int8 // an actor + 1
	unsure     bool // somebody acquired on a word in transition
	queue      [mActors]int8
	actors     [mActors]mActor
}

// machine is a scenario: who calls what. The releases of wrong callers are more
// than can be held.
type machine struct {
	name  string
	ops   [mActors][mOps]mOp
	wrong [mActors]bool
	fifo  bool
}

// mHeldOf is heldOf: negative for mChanging.
func mHeldOf(w, low mWord) int8 { return w.used - low.used }

func (s *mState) fits(w mWord, n int8) (need int8, ok bool) {
	if n == mWantAll {
		n = mFirst - s.low.used
	}
	return n, w.flags&mAll == 0 && mHeldOf(w, s.low) >= 0 && n <= mFirst-w.used
}

// swap is a compare-and-swap.
func (s *mState) swap(a *mActor, used int8, flags uint8) bool {
	if s.word != a.st {
		return false
	}
	s.word = mWord{used, flags}
	return true
}

// take is a compare-and-swap that takes need for a request of n.
func (s *mState) take(a *mActor, n, need int8) bool {
	flags := a.st.flags
	if n == mWantAll {
		flags |= mAll
	}
	if !s.swap(a, a.st.used+need, flags) {
		return false
	}
	if n == mWantAll {
		s.all = need
	}
	for i := range s.actors {
		s.unsure = s.unsure || s.actors[i].sub > 0
	}
	return true
}

func (s *mState) dequeue(who int8) {
	out := [mActors]int8{}
	i := 0
	for _, w := range s.queue {
		if w != 0 && w != who {
			out[i] = w
			i++
		}
	}
	s.queue = out
}

// end is the end of a call, which changes what the caller has.
func (a *mActor) end(change int8) {
	a.pc, a.then, a.waits, a.st, a.before = "next", "", 0, mWord{}, mWord{}
	a.op++
	a.balance += change
}

func mDue(w mWord) bool { return w.flags&mAll != 0 || w.flags&(mWaiting|mWoken) == mWaiting }

// locked is where those go that wait for mu.
var locked = map[string]string{
	"lock enter": "enter", "lock compete": "compete", "lock look": "unlock", "lock undo": "undo", "lock put": "put",
	"lock resize": "changing", "resize": "compare",
}

// step does the next step of actor i; false if it must wait or has ended.
func (m *machine) step(s *mState, i int) bool {
	a, me := &s.actors[i], int8(i+1)
	switch a.pc {
	case "next":
		if int(a.op) == mOps || m.ops[i][a.op].do == 0 {
			return false
		}
		op := m.ops[i][a.op]
		a.n = op.n
		switch {
		case op.do == 's':
			a.pc = "resize"
		case op.do == 'r':
			if a.pc = "release"; op.n == 0 {
				a.n = a.got
			}
			a.balance -= a.n // from here on, unless it panics
			if a.n == 0 {    // the request was refused
				a.end(0)
			}
		case op.n == mWantAll:
			a.pc = "fast all"
		default:
			a.pc = "fast"
		}
		return true
	case "lock enter", "lock compete", "lock look", "lock undo", "lock put", "lock resize", "resize":
		if s.mu != 0 {
			return false
		}
		s.mu = me
		a.pc = locked[a.pc]
		return true
	}
	switch m.ops[i][a.op].do {
	case 'a':
		return m.acquire(s, a, me) || m.wake(s, a, me)
	case 'r':
		return m.release(s, i) || m.wake(s, a, me)
	}
	return m.resize(s, a) || m.wake(s, a, me)
}

func (m *machine) acquire(s *mState, a *mActor, me int8) bool {
	switch a.pc {
	case "fast all":
		a.st = mWord{}
		if a.pc = "lock enter"; s.take(a, mWantAll, mFirst) {
			a.got = mFirst
			a.end(a.got)
		}
	case "fast":
		a.st = s.word
		if a.pc = "fast resized"; a.st.flags == 0 && a.st.used >= 0 && a.st.used+a.n <= mFirst {
			a.pc = "fast swap"
		}
	case "fast resized":
		a.st = s.word
		if a.pc = "try"; a.st.flags&mResized != 0 {
			a.pc = "fast sure"
		}
	case "fast sure":
		// Of two resized words the one with the greater used is above, whatever its other flags.
		if a.pc = "try"; a.st.used >= s.low.used && a.st.flags == mResized && a.n <= mFirst-a.st.used {
			a.pc = "fast swap"
		}
	case "fast swap", "claim":
		if a.pc = "try"; s.take(a, a.n, a.n) {
			a.got = a.n
			a.end(a.got)
		}
	case "try":
		a.st = s.word
		a.pc = "try sure"
	case "try sure":
		if a.pc = "try"; mHeldOf(a.st, s.low) >= 0 {
			a.pc = m.mayClaim(a)
		}
	case "enter":
		if a.n > s.limit {
			s.mu, a.got = 0, 0
			a.end(0)
			break
		}
		s.word.flags |= mWaiting
		a.pc = "enter look"
	case "enter look":
		a.st = s.word
		if _, ok := s.fits(a.st, a.n); ok && s.queue[0] == 0 {
			a.pc = "enter take"
			break
		}
		for j := range s.queue {
			if s.queue[j] == 0 {
				s.queue[j] = me
				break
			}
		}
		s.mu, a.waits, a.pc = 0, 'q', "blocked"
	case "enter take", "compete take":
		need, _ := s.fits(a.st, a.n)
		if !s.take(a, a.n, need) {
			a.pc = map[string]string{"enter take": "enter look", "compete take": "compete look"}[a.pc]
			break
		}
		s.dequeue(me)
		a.got, a.pc, a.then = need, "wake", "got"
	case "blocked":
		switch a.waits {
		case 'q':
			return false
		case 'w':
			a.pc = "lock compete"
		case 'g':
			a.end(a.got)
		case 'f':
			a.got = 0
			a.end(0)
		}
	case "compete":
		if a.waits == 'f' {
			s.mu, a.got = 0, 0
			a.end(0)
			break
		}
		s.woken, a.waits = 0, 'q'
		s.word.flags &^= mWoken
		a.pc, a.then = "wake", "block"
		if s.queue[0] == me {
			a.pc = "compete look"
		}
	case "compete look":
		a.st = s.word
		if a.pc = "wake"; mFits(s, a) {
			a.pc = "compete take"
		}
	default:
		return false
	}
	return true
}

func mFits(s *mState, a *mActor) bool { _, ok := s.fits(a.st, a.n); return ok }

// mayClaim is where a newcomer goes that has loaded the word. How many overtake is
// not bounded here: that only makes more orders possible.
func (m *machine) mayClaim(a *mActor) string {
	if a.st.flags&mAll != 0 || a.n > mFirst-a.st.used || m.fifo && a.st.flags&mWaiting != 0 {
		return "lock enter"
	}
	return "claim"
}
