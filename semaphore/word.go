package semaphore

import (
	"fmt"
	"sync/atomic"
)

// The whole state that the fast paths need is one word:
//
//	available (55 bits, signed) | overtakes (5) | closed | frozen | woken | waiting
//
// available is negative while a lowered limit drains. Permits change by
// compare-and-swap alone, so that a release is checked before it is made and
// nobody ever sees a state that breaks held + available = limit.
const (
	flagWaiting = 1 << 0 // somebody is queued: a release must look at the queue
	flagWoken   = 1 << 1 // the head is under way to compete: a release need not wake it
	flagFrozen  = 1 << 2 // SetLimit replaced this cell: load the new one
	flagClosed  = 1 << 3 // no more acquisitions
	overOne     = 1 << 4 // one newcomer that overtook the queue
	overMask    = 31 << 4
	overSpent   = overtakes * overOne
	shift       = 9 // leaves room for the difference of any two limits

	// flagsBusy keep an acquisition off the fast path.
	flagsBusy = flagWaiting | flagFrozen | flagClosed
)

// overtakes is how many newcomers may take permits past the queue between two
// services of its head. 16 gave most of the throughput of unlimited overtaking
// and a fairness better than a buffered channel's.
const overtakes = 16

// MaxLimit is the largest limit: 2^53 - 1, which is 9 petabytes if the permits
// are bytes.
const MaxLimit = 1<<53 - 1

// cell is the word together with the limit that it counts against. SetLimit
// freezes the word and publishes a new cell, so that whoever loads a cell has
// a limit and a count that belong together, without a lock; and a
// compare-and-swap on a cell that was replaced always fails.
type cell struct {
	word  atomic.Int64
	limit int64
	_     [112]byte // alone on two cache lines: processors prefetch lines in pairs
}

func newCell(limit, word int64) *cell {
	c := &cell{limit: limit}
	c.word.Store(word)
	return c
}

// need is how many permits a request for n takes; all of them for wantAll.
func (c *cell) need(n int64) int64 {
	if n == wantAll {
		return c.limit
	}
	return n
}

// wantAll is the n of a request for every permit, whatever the limit will be.
const wantAll = -1

// spins is how long a lost compare-and-swap backs off. Without it, two cores
// that use one word all the time pass its cache line back and forth on every
// operation; with it one of them runs ahead meanwhile, as it does with a mutex.
const spins = 400

// backoff is called between two tries of a compare-and-swap.
func backoff() {
	for range spins { // waiting is its purpose; the compiler keeps an empty loop
	}
}

// fast takes n permits if they are free and nobody waits. It is small enough to
// be inlined. It may fail because of a change that others made meanwhile.
func (s *Semaphore) fast(n int64) bool {
	c := s.cell.Load()
	st := c.word.Load()
	next := st - n<<shift
	return uint64(n-1) < MaxLimit && st&flagsBusy == 0 && next >= 0 && c.word.CompareAndSwap(st, next) // #nosec G115 -- wraps for n < 1, as it shall
}

// try takes n permits (all for wantAll) if they are free and a newcomer may
// have them: nobody is queued, or fewer than overtakes newcomers went ahead of
// the head so far. It returns how many it took. A refusal writes nothing.
func (s *Semaphore) try(n int64) int64 {
	for {
		c := s.cell.Load()
		st := c.word.Load()
		if st&flagFrozen != 0 {
			s.settle()
			continue
		}
		need := c.need(n)
		if st>>shift < need || st&flagClosed != 0 {
			return 0
		}
		next := st - need<<shift
		if st&flagWaiting != 0 {
			if st&overMask >= overSpent {
				return 0
			}
			next += overOne
		}
		if c.word.CompareAndSwap(st, next) {
			return need
		}
		backoff()
	}
}

// put gives n permits back and reports whether the queue must be looked at. It
// panics, with the state as it was, if fewer are held.
func (s *Semaphore) put(n int64) bool {
	for {
		c := s.cell.Load()
		st := c.word.Load()
		if st&flagFrozen != 0 {
			s.settle()
			continue
		}
		if held := c.limit - st>>shift; n > held {
			panicOverRelease(n, held)
		}
		if c.word.CompareAndSwap(st, st+n<<shift) {
			return st&(flagWaiting|flagWoken) == flagWaiting
		}
		backoff()
	}
}

func panicOverRelease(n, held int64) {
	panic(fmt.Sprintf("semaphore: released %d permits, but only %d are held", n, held))
}

// settle waits until the SetLimit that froze a cell has published the next.
func (s *Semaphore) settle() {
	s.mu.Lock()
	s.mu.Unlock() //nolint:staticcheck // an empty section: the new cell is there
}

// read returns the limit and the word that belong together.
func (s *Semaphore) read() (limit, st int64) {
	for {
		c := s.cell.Load()
		if st = c.word.Load(); st&flagFrozen == 0 {
			return c.limit, st
		}
		s.settle()
	}
}
