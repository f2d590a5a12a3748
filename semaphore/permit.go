package semaphore

import (
	"context"
	"sync"
)

// Permit is permits that one holder has and gives back with [Permit.Release],
// at most once. [Semaphore.Permit] and [Semaphore.TryPermit] make it. It must
// not be copied, and is safe for concurrent use. It does not depend on the
// context that it was acquired with. It costs an allocation; Acquire and
// Release cost none.
type Permit struct {
	s *Semaphore
	n int64

	leak *leak // nil without LeakFinder

	// Guarded by s.loans.mu.
	epoch    uint64
	released bool
}

// loans is what the semaphore knows of its Permits: their sum. ReleaseAll
// revokes all of them by starting the next epoch.
type loans struct {
	mu    sync.Mutex
	epoch uint64
	out   int64
}

// Permit is [Semaphore.Acquire] with a handle.
func (s *Semaphore) Permit(ctx context.Context, n int64) (*Permit, error) {
	if err := s.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return s.lend(n), nil
}

// TryPermit is [Semaphore.TryAcquire] with a handle: nil and false if there
// are not enough permits.
func (s *Semaphore) TryPermit(n int64) (*Permit, bool) {
	if !s.TryAcquire(n) {
		return nil, false
	}
	return s.lend(n), true
}

func (s *Semaphore) lend(n int64) *Permit {
	p := &Permit{s: s, n: n}
	l := &s.loans
	l.mu.Lock()
	p.epoch = l.epoch
	l.out += n
	l.mu.Unlock()
	if s.cfg.leaked != nil {
		p.watch()
	}
	return p
}

// N returns how many permits were acquired.
func (p *Permit) N() int64 { return p.n }

// Held reports whether the permits are still held: neither released nor revoked
// by [Semaphore.ReleaseAll].
func (p *Permit) Held() bool {
	l := &p.s.loans
	l.mu.Lock()
	defer l.mu.Unlock()
	return !p.released && p.epoch == l.epoch
}

// Release gives the permits back. All but the first call do nothing, and so
// does the first after [Semaphore.ReleaseAll] has revoked the permits. It panics,
// and leaves everything as it was, if somebody released them past it.
func (p *Permit) Release() {
	s, l := p.s, &p.s.loans
	l.mu.Lock()
	if p.released || p.epoch != l.epoch {
		p.released = true
		p.forget()
		l.mu.Unlock()
		return
	}
	due := s.repay(p.n)
	p.released = true
	p.forget()
	l.mu.Unlock()
	if due {
		s.look()
	}
}

// repay takes n permits off the loans and gives them back, without waking
// anybody yet. loans.mu is held; it is unlocked if this panics.
func (s *Semaphore) repay(n int64) (due bool) {
	done := false
	defer func() {
		if !done {
			s.loans.mu.Unlock()
		}
	}()
	due = s.put(n)
	s.loans.out -= n
	done = true
	return due
}

// ReleaseAll revokes every [Permit] that is held, and returns how many permits
// came back. Their later Release does nothing; their holders go on with what
// they do and can ask [Permit.Held]. What was taken with Acquire, TryAcquire,
// AcquireAll or Do stays held. It panics, and revokes nothing, if somebody
// released permits of a Permit past it, so that fewer are held. Its cost does not
// depend on the number of Permits.
func (s *Semaphore) ReleaseAll() int64 {
	s.mustBeMade()
	l := &s.loans
	l.mu.Lock()
	n := l.out
	due := s.repay(n)
	l.epoch++
	l.mu.Unlock()
	if due {
		s.look()
	}
	return n
}
