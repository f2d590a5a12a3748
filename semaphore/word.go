package semaphore

import (
	"fmt"
	"runtime"
)

// The whole state that the fast paths need is one word:
//
//	resized (sign) | overtakes (5 bits) | all | woken | waiting | bias + used (55)
//
// used is what is held and what has been taken off the first limit, so that
// first - used is what is free, whatever the limit is by now: SetLimit adds what
// it takes off and subtracts what it adds. That changes the word, so a
// compare-and-swap that was prepared under another limit fails, unless as much was
// released as the limit fell by: then it is as if it had come before. Close takes
// off everything.
//
// used lies above a bias, so that it may fall below zero without a borrow from
// the flags: a release subtracts first and looks afterwards. A word without
// flags whose used is not negative is plain: then word>>plainShift is 1, which
// is all that a release has to check.
//
// A release of more than is held makes held negative for a moment, which
// everybody takes for "in transition" and waits for the end of: nobody acquires,
// reads or resizes on such a word. Whoever finds it takes back what it
// subtracted, and decides anew by compare-and-swap: see undo.
//
// How much is held follows from used and from low beside the word, which is the
// word of a semaphore with nothing held. While SetLimit changes the two, low is
// changing: then they say nothing, for an instant. Who needs both loads the word
// first. If both were loaded under one limit they belong together; else the word
// has changed since, and a compare-and-swap fails as above.
const (
	plainShift = 54
	bias       = 1 << plainShift
	usedMask   = 2*bias - 1

	flagWaiting = 1 << 55 // somebody is queued: a release must look at the queue
	flagWoken   = 1 << 56 // the head is under way to compete: a release need not wake it
	flagAll     = 1 << 57 // an AcquireAll has everything: nobody gets what SetLimit adds
	overOne     = 1 << 58 // one newcomer that overtook the queue
	overMask    = 31 * overOne
	overSpent   = overtakes * overOne
	flagResized = -1 << 63 // low is not the bias, or was not once: a release must look at it
)

// overtakes is how many newcomers may take permits past the queue between two
// services of its head. 16 gave most of the throughput of unlimited overtaking
// and a fairness better than a buffered channel's.
const overtakes = 16

// MaxLimit is the largest limit: 2^53 - 1, which is 9 petabytes if the permits
// are bytes.
const MaxLimit = 1<<53 - 1

// inlineBits bounds the n of a release that subtracts first: 4 million of those
// would have to be in transition at once to leave the 55 bits of used.
const inlineBits = 31

// changing is low while SetLimit or Close, which has mu, writes both it and the
// word. Without a sign it is above every word.
const changing = -1

// wantAll is the n of a request for every permit, whatever the limit will be.
const wantAll = -1

// usedOf is the used of a word.
func usedOf(st int64) int64 { return st&usedMask - bias }

// unsure reports whether a word is in transition, or was made while the limit is
// being changed. It may say so of one that was not, but that has changed since: who
// changes low changes the word, too.
func (s *Semaphore) unsure(st int64) bool { return heldOf(st, s.low.Load()) < 0 }

// spare reports whether n permits are free by a word that is plain, but for
// flagResized.
func (s *Semaphore) spare(st, n int64) bool {
	return uint64(st) >= uint64(s.low.Load()) && n > 0 && n <= s.full-st&^flagResized // #nosec G115 -- a sign is the highest flag
}

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
	if s.spare(s.word.Load(), n) {
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

// fastResized is fast where the word is plain but for flagResized. One function for
// both took a third of a nanosecond more where the word is plain.
func (s *Semaphore) fastResized(n int64) bool {
	st := s.word.Load()
	return st < 0 && s.spare(st, n) && s.word.CompareAndSwap(st, st+n)
}

// try takes n permits if they are free and a newcomer may have them: nobody is
// queued, or fewer than overtakes newcomers went ahead of the head so far. A
// refusal writes nothing.
func (s *Semaphore) try(n int64) bool {
	s.mustBeMade()
	for {
		st := s.word.Load()
		if s.unsure(st) {
			settle()
			continue
		}
		next, ok := s.claim(st, n)
		if !ok {
			return false
		}
		if s.word.CompareAndSwap(st, next) {
			return true
		}
		backoff()
	}
}

// tryAll is try for every permit, and returns how many those are.
func (s *Semaphore) tryAll() int64 {
	s.mustBeMade()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		st, low := s.word.Load(), s.low.Load()
		if heldOf(st, low) < 0 {
			s.settleLocked()
			continue
		}
		capacity := s.first - usedOf(low)
		next, ok := s.claim(st, capacity)
		if !ok {
			break
		}
		if s.word.CompareAndSwap(st, next|flagAll) {
			s.all = capacity
			return capacity
		}
	}
	return 0
}

// claim returns what becomes of st if a newcomer takes n permits, and whether it
// may.
func (s *Semaphore) claim(st, n int64) (next int64, ok bool) {
	if st&flagAll != 0 || n > s.first-usedOf(st) {
		return st, false
	}
	next = st + n
	if st&flagWaiting != 0 {
		if st&overMask >= overSpent {
			return st, false
		}
		next += overOne
	}
	return next, true
}

// put gives n permits back, checking first, and reports whether the queue must
// be looked at. It panics, with the state as it was, if fewer are held.
func (s *Semaphore) put(n int64) bool {
	for {
		st := s.word.Load()
		switch used := usedOf(st); {
		case st&flagResized != 0:
			s.mu.Lock()
			st = s.putLocked(n)
			s.mu.Unlock()
			return due(st)
		case used < 0:
			s.mustBeMade()
			settle()
		case n > used:
			panicOverRelease(n, used)
		case s.word.CompareAndSwap(st, st-n):
			return due(st)
		default:
			backoff()
		}
	}
}

// putLocked is put for one who has mu, so that the limit does not change, and
// returns the word as it was. It unlocks mu if it panics.
func (s *Semaphore) putLocked(n int64) int64 {
	for {
		st := s.word.Load()
		held := heldOf(st, s.low.Load())
		switch {
		case held < 0: // others have not taken back theirs
			s.settleLocked()
		case n > held:
			s.unlockAndWake() // those who came to the queue meanwhile may fit
			panicOverRelease(n, held)
		case s.word.CompareAndSwap(st, st-n):
			return st
		}
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
	if s.heldLocked() < 0 {
		s.word.Add(n)
		s.putLocked(n)
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
		if held = heldOf(st, s.low.Load()); held >= 0 {
			limit = s.limit.Load()
			if st&flagAll != 0 {
				// Also if some have been released: that counts once the flag is cleared.
				held = max(s.all, limit)
			}
			return limit, held
		}
		s.settleLocked()
	}
}

// heldOf is how many permits are out under a word and a low that belong together,
// as they do where mu is held. It is negative in transition and for changing.
func heldOf(st, low int64) int64 { return st&usedMask - low&usedMask }

// heldLocked is how many permits are out, negative in transition.
func (s *Semaphore) heldLocked() int64 { return heldOf(s.word.Load(), s.low.Load()) }

// settleLocked is settle for one who has mu: those in transition need it.
func (s *Semaphore) settleLocked() {
	s.mu.Unlock()
	settle()
	s.mu.Lock()
}

// resizeLocked makes to the number of permits, 0 for Close. It may unlock mu for a
// while before.
func (s *Semaphore) resizeLocked(to int64) {
	after := bias + s.first - to | flagResized
	for !s.closed {
		before := s.low.Load()
		s.low.Store(changing)
		st := s.word.Load()
		held := heldOf(st, before)
		if held >= 0 && s.word.CompareAndSwap(st, (st+usedOf(after)-usedOf(before))|flagResized) {
			s.low.Store(after)
			return
		}
		s.low.Store(before)
		if held < 0 {
			s.settleLocked()
		}
	}
}
