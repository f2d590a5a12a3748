package semaphore

import (
	"context"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/waiting"
)

// await blocks until w has its permits, fails, or its time is up.
func (s *Semaphore) await(ctx context.Context, w *waiter) (int64, error) {
	var expired <-chan time.Time
	if s.cfg.maxWait > 0 {
		expired = w.After(s.cfg.maxWait)
	}
	done := ctx.Done()
	for {
		if done == nil && expired == nil {
			<-w.Token()
		} else {
			select {
			case <-w.Token():
			case <-done:
				return s.leave(w, ctxerr.Of(ctx))
			case <-expired:
				if err := ctxerr.Of(ctx); err != nil { // both, and select picked this one
					return s.leave(w, err)
				}
				return s.leave(w, ErrWaitTimeout)
			}
		}
		err := ctxerr.Of(ctx) // a done ctx wins over a permit that came first
		switch w.state.Load() {
		case granted:
			if err != nil {
				s.Release(w.got)
			}
			return w.got, err
		case failed:
			return 0, w.err
		}
		if s.compete(w, err) {
			if err == nil {
				err = w.err // nil, but that Close or SetLimit were faster
			}
			return w.got, err
		}
	}
}

// compete lets the woken w take its permits, or leave because of err. It
// reports whether w is out of the queue: with its permits, unless err or w.err
// is set.
func (s *Semaphore) compete(w *waiter, err error) bool {
	s.mu.Lock()
	if w.state.Load() == failed {
		s.mu.Unlock()
		return true
	}
	s.restLocked()
	w.state.Store(queued)
	out := err != nil
	if !out && s.queue.first() == w {
		if w.got, out = s.takeLocked(w.n, true); out {
			s.queue.served(w.prio, w.got)
		}
	}
	if out {
		s.queue.remove(w)
	}
	ready := s.wakeLocked()
	s.mu.Unlock()
	ready.Send()
	return out
}

// leave ends the wait of w because of err: no permit is lost, and whoever was
// behind w gets its chance.
func (s *Semaphore) leave(w *waiter, err error) (int64, error) {
	s.mu.Lock()
	was := w.state.Load()
	var ready waiting.Chain
	if was == queued || was == woken {
		if was == woken {
			s.restLocked()
		}
		s.queue.remove(w)
		ready = s.wakeLocked()
	}
	s.mu.Unlock()
	ready.Send()
	if was != queued {
		<-w.Token() // the token is there or about to be
	}
	switch {
	case was == failed:
		return 0, w.err
	case was == granted && ours(err): // the permits came in time
		return w.got, nil
	case was == granted:
		s.Release(w.got)
	}
	return 0, err
}
