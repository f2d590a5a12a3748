package semaphore

import (
	"fmt"
	"runtime"
)

// The whole state that the fast paths need is one word:
//
//	locked (sign) | overtakes (5 bits) | all | woken | waiting | 1 + held (55)
//
// held lies above a bias, so that it may fall below zero without a borrow from
// the flags: a release subtracts first and looks afterwards. A word without
// flags whose held is not negative is plain: then word>>plainShift is 1, which
// is all that a release has to check.
//
// A release of more than is held makes held negative for a moment, which
// everybody takes for "in transition" and waits for the end of: nobody acquires,
// reads or resizes on such a word. Whoever finds it takes back what it
// subtracted, and decides anew by compare-and-swap: see undo.
//
// The limit beside it is fixed while the word is not locked. SetLimit and Close
// lock the word for good: that changes it, so that no compare-and-swap that was
// prepared under the former limit can succeed, however long it was delayed; and
// from then on permits are taken under mu alone, which guards the limit.
const (
	plainShift = 54
	bias       = 1 << plainShift
	heldMask   = 2*bias - 1

	flagWaiting = 1 << 55 // somebody is queued: a release must look at the queue
	flagWoken   = 1 << 56 // the head is under way to compete: a release need not wake it
	flagAll     = 1 << 57 // an AcquireAll has everything: nobody gets what SetLimit adds
	overOne     = 1 << 58 // one newcomer that overtook the queue
	overMask    = 31 * overOne
	overSpent   = overtakes * overOne
	flagLocked  = -1 << 63 // permits are taken under mu
)

// overtakes is how many newcomers may take permits past the queue between two
// services of its head. 16 gave most of the throughput of unlimited overtaking
// and a fairness better than a buffered channel's.
const overtakes = 16

// MaxLimit is the largest limit: 2^53 - 1, which is 9 petabytes if the permits
// are bytes.
const MaxLimit = 1<<53 - 1

// inlineBits bounds the n of a release that subtracts first: 8 million of those
// would have to be in transition at once to leave the 55 bits of held.
const inlineBits = 31

// wantAll is the n of a request for every permit, whatever the limit will be.
const wantAll = -1

// heldOf is how many permits are out, negative in transition.
func heldOf(st int64) int64 { return st&heldMask - bias }

// spins is how long a lost compare-and-swap backs off: about half a microsecond,
// a quarter of what a mutex spins. Without it, two cores that use one word all the
// time pass its cache line back and forth on every operation; with it one of them
// runs ahead meanwhile, as it does with a mutex.
const spins = 2000

// backoff is called between two tries of a compare-and-swap.
func backoff() {
	for range spins { // waiting is its purpose; the compiler keeps an empty loop
	}
}

// yieldTo backs off if the fast path failed although it should not have: then its
// compare-and-swap lost against another core.
func (s *Semaphore) yieldTo(n int64) {
	if st := s.word.Load(); st >= bias && n <= s.full-st {
		backoff()
	}
}

// settle is called with no lock held when held is negative: whoever released too
// much is about to take it back.
func settle() { runtime.Gosched() }

// fast takes n permits if they are free and the word is plain. It is small
// enough to be inlined. It may fail because of a change that others made
// meanwhile.
func (s *Semaphore) fast(n int64) bool {
	st := s.word.Load()
	next := st + n                                                                                  // of a plain word; unsigned, it cannot wrap
	return st >= bias && n > 0 && uint64(next) <= uint64(s.full) && s.word.CompareAndSwap(st, next) // #nosec G115 -- see above
}

// try takes n permits (all for wantAll) if they are free and a newcomer may
// have them: nobody is queued, or fewer than overtakes newcomers went ahead of
// the head so far. It returns how many it took. A refusal of a semaphore that
// was never resized writes nothing.
func (s *Semaphore) try(n int64) int64 {
	for {
		st := s.word.Load()
		switch {
		case heldOf(st) < 0:
			s.mustBeMade()
			settle()
			continue
		case st&flagLocked != 0:
			return s.tryLocked(n)
		}
		next, got := claim(st, s.first, n)
		if got == 0 || s.word.CompareAndSwap(st, next) {
			return got
		}
		backoff()
	}
}

// tryLocked is try on a word that is locked.
func (s *Semaphore) tryLocked(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		st := s.word.Load()
		if heldOf(st) < 0 {
			s.mu.Unlock()
			settle()
			s.mu.Lock()
			continue
		}
		limit := s.limit.Load()
		next, got := claim(st, limit, n)
		if got == 0 {
			return 0
		}
		if s.word.CompareAndSwap(st, next) {
			if n == wantAll {
				s.all = limit
			}
			return got
		}
	}
	return 0
}

// claim returns what becomes of st if a newcomer takes n permits (all for
// wantAll), and how many those are: 0 if it may not.
func claim(st, limit, n int64) (next, got int64) {
	if n == wantAll {
		n = limit
		next = flagAll
	}
	if st&flagAll != 0 || n > limit-heldOf(st) {
		return st, 0
	}
	next += st + n
	if st&flagWaiting != 0 {
		if st&overMask >= overSpent {
			return st, 0
		}
		next += overOne
	}
	return next, n
}

// put gives n permits back, checking first, and reports whether the queue must
// be looked at. It panics, with the state as it was, if fewer are held.
func (s *Semaphore) put(n int64) bool {
	for {
		st := s.word.Load()
		held := heldOf(st)
		if held < 0 {
			settle()
			continue
		}
		if n > held {
			panicOverRelease(n, held)
		}
		if s.word.CompareAndSwap(st, st-n) {
			return due(st)
		}
		backoff()
	}
}

// due reports whether one who has released under st must look at the queue.
func due(st int64) bool {
	return st&flagAll != 0 || st&(flagWaiting|flagWoken) == flagWaiting
}

// undo is the rest of a release whose subtraction left held negative, or so it
// seemed: unless others have made up for that since, so that it stands, it takes
// n back and gives it as put does. It panics if fewer are held.
//
// Whenever held is not negative, every subtraction made so far counts. So what
// is taken back here was never seen, but in one case: another that released too
// much panicked meanwhile, so that ours counted, and a third has released too
// much since. Then ours and the third's are one as good as the other: one of the
// two panics, and the state is right.
func (s *Semaphore) undo(n int64) {
	s.mu.Lock()
	if heldOf(s.word.Load()) < 0 {
		s.word.Add(n)
		for {
			st := s.word.Load()
			held := heldOf(st)
			if held < 0 { // others have not taken back theirs
				s.mu.Unlock()
				settle()
				s.mu.Lock()
				continue
			}
			if n > held {
				s.unlockAndWake() // those who came to the queue meanwhile may fit
				panicOverRelease(n, held)
			}
			if s.word.CompareAndSwap(st, st-n) {
				break
			}
		}
	}
	s.unlockAndWake()
}

func panicOverRelease(n, held int64) {
	panic(fmt.Sprintf("semaphore: released %d permits, but only %d are held", n, held))
}

// read returns the limit and how many permits are out, of one moment. While an
// AcquireAll has everything, that includes what SetLimit has added since.
func (s *Semaphore) read() (limit, held int64) {
	s.mustBeMade()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readLocked()
}

func (s *Semaphore) readLocked() (limit, held int64) {
	for {
		st := s.word.Load()
		if held = heldOf(st); held < 0 {
			s.mu.Unlock()
			settle()
			s.mu.Lock()
			continue
		}
		limit = s.limit.Load()
		if st&flagAll != 0 {
			held = max(held, limit)
		}
		return limit, held
	}
}
