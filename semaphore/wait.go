package semaphore

import (
	"context"
	"time"

	"github.com/weirkit/weir/internal/waiting"
)

// wait takes n permits (all for wantAll) through the queue and returns how many
// it took.
func (s *Semaphore) wait(ctx context.Context, n int64, prio int) (int64, error) {
	s.mustBeMade()
	since := s.clock.Now()
	w, got, err := s.enter(n, prio, since)
	var waited time.Duration
	if w != nil {
		got, err = s.await(ctx, w)
		w.recycle()
		s.pool.Put(w)
		waited = time.Duration(s.clock.Now() - since)
		s.counts.Waited(waited)
	}
	s.settled(n, got, prio, waited, err)
	if err != nil {
		return 0, err
	}
	return got, nil
}

// settled counts and tells how an acquisition went that reached the queue.
func (s *Semaphore) settled(n, got int64, prio int, waited time.Duration, err error) {
	refused := ours(err)
	switch {
	case err == nil:
		s.countAcquired()
	case refused:
		s.counts.Rejected.Add(1)
	default:
		s.counts.Cancelled.Add(1)
	}
	tellLong := s.cfg.events.LongWait != nil && waited >= s.cfg.longWait
	tellRefused := s.cfg.events.Rejected != nil && refused
	if !tellLong && !tellRefused {
		return
	}
	if n == wantAll {
		n = s.Limit()
	}
	told := false
	defer func() {
		if !told && err == nil { // a callback ended the caller, who will not release
			s.Release(got)
		}
	}()
	e := Event{N: n, Priority: prio, Waited: waited, Err: err}
	if tellRefused {
		s.cfg.events.Rejected(e)
	}
	if tellLong {
		s.cfg.events.LongWait(e)
	}
	told = true
}

// enter takes the permits if nobody goes before the caller and they are free,
// or puts it in the queue, or refuses. The waiter is nil but in the queue.
func (s *Semaphore) enter(n int64, prio int, since int64) (w *waiter, got int64, err error) {
	var ready waiting.Chain
	s.mu.Lock()
	defer func() {
		s.mu.Unlock()
		ready.Send()
	}()
	switch {
	case s.closed:
		err = ErrClosed
	case n > s.limit.Load():
		err = ErrTooLarge
	case n != 0:
		// From here on a release comes to the queue; one that was earlier is seen.
		s.word.Or(flagWaiting)
		head := s.queue.first()
		if s.queue.ahead(prio, since, head) {
			var ok bool
			if got, ok = s.takeLocked(n, head == nil); ok {
				s.queue.served(prio, got)
				ready = s.wakeLocked() // with a Share another may be the head now
				return nil, got, nil
			}
		}
		var displaced bool
		if displaced, err = s.roomLocked(prio, &ready); err != nil {
			s.idleLocked()
			return nil, 0, err
		}
		w = s.queueLocked(n, prio, since)
		if displaced { // it may have been the woken one, for which a release has left the queue alone
			ready.Join(s.wakeLocked())
		}
	}
	return w, 0, err
}

// queueLocked puts a waiter in the queue.
func (s *Semaphore) queueLocked(n int64, prio int, since int64) *waiter {
	w := s.pool.Get().(*waiter) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	w.n, w.prio, w.since = n, prio, since
	w.state.Store(queued)
	s.queue.push(w)
	if s.cfg.fifo || s.queue.mixed() { // nobody overtakes now
		s.word.Or(overMask)
	}
	return w
}

// roomLocked makes sure that one more may wait. Under LIFO the oldest makes
// way: then the caller owes the queue a wakeLocked.
func (s *Semaphore) roomLocked(prio int, ready *waiting.Chain) (displaced bool, err error) {
	if s.cfg.maxWaiters < 0 || s.queue.n < s.cfg.maxWaiters {
		return false, nil
	}
	if old := s.queue.oldest(); s.cfg.lifo && old != nil && old.prio <= prio {
		s.failLocked(old, ErrQueueFull, ready)
		return true, nil
	}
	return false, ErrQueueFull
}

// takeLocked takes n permits (all for wantAll) for the head of the queue or for
// one who goes before it; newcomers may be faster. Serving the head starts a new
// round of overtaking. If the word is in transition nothing fits: whoever ends
// that looks at the queue.
func (s *Semaphore) takeLocked(n int64, head bool) (got int64, ok bool) {
	for {
		st := s.word.Load()
		need, fits := s.fitsLocked(st, n)
		if !fits {
			return 0, false
		}
		next := st + need
		switch {
		case !head:
		case s.cfg.fifo || s.queue.mixed():
			next |= overMask
		default:
			next &^= overMask
		}
		if n == wantAll {
			next |= flagAll
			s.all = need
		}
		if s.word.CompareAndSwap(st, next) {
			return need, true
		}
	}
}

// fitsLocked returns how many permits a request for n (all for wantAll) takes,
// and whether they are free.
func (s *Semaphore) fitsLocked(st, n int64) (need int64, fits bool) {
	low := s.low.Load()
	if n == wantAll {
		n = s.first - usedOf(low)
	}
	return n, st&flagAll == 0 && heldOf(st, low) >= 0 && n <= s.first-usedOf(st)
}

// idleLocked puts the fast path back if nobody is queued.
func (s *Semaphore) idleLocked() {
	if s.queue.n == 0 {
		s.word.And(^(flagWaiting | overMask))
	}
}

// wakeLocked serves the head of the queue as far as the permits go, or wakes it
// to compete for them. The result is to be sent once mu is unlocked.
//
// It may return without either only if the head does not fit, so that the next
// release calls it again, or if the woken one is under way, which calls it too.
func (s *Semaphore) wakeLocked() (ready waiting.Chain) {
	for s.woken == nil {
		w := s.queue.first()
		if w == nil {
			s.idleLocked()
			break
		}
		st := s.word.Load()
		if _, fits := s.fitsLocked(st, w.n); !fits {
			break
		}
		if !s.cfg.fifo && st&overMask < overSpent {
			s.woken = w
			s.word.Or(flagWoken)
			w.state.Store(woken)
			ready.Add(&w.Parker)
			break
		}
		if got, ok := s.takeLocked(w.n, true); ok {
			s.queue.served(w.prio, got)
			s.queue.remove(w)
			w.got = got
			w.state.Store(granted)
			ready.Add(&w.Parker)
		}
	}
	return ready
}

// restLocked ends the errand of the woken waiter.
func (s *Semaphore) restLocked() {
	s.woken = nil
	s.word.And(^flagWoken)
}

// failLocked takes w out of the queue with an error.
func (s *Semaphore) failLocked(w *waiter, err error, ready *waiting.Chain) {
	s.queue.remove(w)
	if s.woken == w {
		s.restLocked() // its token is under way already
	} else {
		ready.Add(&w.Parker)
	}
	w.err = err
	w.state.Store(failed)
}
