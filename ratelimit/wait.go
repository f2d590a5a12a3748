package ratelimit

import (
	"context"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/waiting"
)

// WaitReserve is [Limiter.WaitN] with a [Reservation] of the tokens, for callers
// that may yet find that they don't use them: its Cancel gives back what is
// still possible. For a single token [Limiter.WaitToken] costs less.
func (l *Limiter) WaitReserve(ctx context.Context, n int) (r Reservation, err error) {
	checkN(n)
	if is := l.queue.issue(); ctx.Err() == nil && !is.void {
		c := l.state()
		rel := l.clock.Now() - c.base
		if uint64(rel) < c.fast && uint64(n-1) < uint64(c.burst) { // #nosec G115 -- negative ones are large
			now, tat := rel*c.mul, c.tat.Load()
			if next := max(tat, now) + int64(n)*c.inc; next-now <= c.tol && c.tat.CompareAndSwap(tat, next) {
				r.c, r.end, r.place, r.falls = c, next, is.place, is.falls
				if !l.queue.carried.Load() {
					r.n = int64(n)
				}
				l.granted(int64(n))
				return r, nil
			}
		}
	}
	return l.wait(ctx, int64(n))
}

func (l *Limiter) wait(ctx context.Context, n int64) (Reservation, error) {
	if err := ctxerr.Of(ctx); err != nil {
		return Reservation{}, err
	}
	is := l.issueNow()
	g := l.grantNow(n)
	if g.ok {
		l.granted(n)
		return l.reservation(g, n, is), nil
	}
	since := l.clock.Now()
	t := l.time(since)
	w, g, err := l.enter(ctx, t, n)
	var waited time.Duration
	var r Reservation
	switch {
	case w != nil:
		err = l.await(ctx, w)
		waited = time.Duration(l.clock.Now() - since)
		l.counts.Waited(waited)
		r = w.reservation()
		w.recycle()
		l.pool.Put(w)
	case err == nil:
		r = l.reservation(g, n, is)
	}
	l.conclude(r, n, waited, err)
	if err != nil {
		return Reservation{}, err
	}
	return r, nil
}

// conclude is settled for a wait that may have got r.
func (l *Limiter) conclude(r Reservation, n int64, waited time.Duration, err error) {
	told := false
	defer func() {
		if !told && err == nil { // a callback ended the caller, who will not use them
			r.Cancel()
		}
	}()
	l.settled(n, waited, err)
	told = true
}

// settled counts and tells how a wait went that reached the queue.
func (l *Limiter) settled(n int64, waited time.Duration, err error) {
	refused := ours(err)
	switch {
	case err == nil:
		l.granted(n)
	case refused:
		l.counts.Rejected.Add(1)
	default:
		l.counts.Cancelled.Add(1)
	}
	e := Event{N: int(n), Waited: waited, Err: err}
	if refused && l.cfg.events.Rejected != nil {
		e.RetryAfter = retryAfterOf(err)
		l.cfg.events.Rejected(e)
	}
	if waited >= l.cfg.longWait && l.cfg.events.LongWait != nil {
		l.cfg.events.LongWait(e)
	}
}

// enter takes n tokens, if they are there meanwhile, or puts the caller in the
// queue, or refuses. The waiter is nil but in the queue.
func (l *Limiter) enter(ctx context.Context, t, n int64) (w *waiter, g grant, err error) {
	l.mu.Lock()
	var ready waiting.Chain
	defer func() { // no user code runs here: it only keeps the order of the two
		l.mu.Unlock()
		ready.Send()
	}()
	c := l.freshLocked(t)
	l.serveLocked(c, c.now(t), &ready)
	if n > c.burst && !l.cfg.debt || n > maxRoom-c.burst {
		return nil, g, ErrExceedsBurst
	}
	b := boundOf(ctx, l.clock).within(l.cfg.maxWait, l.reading(t))
	for {
		c, tat, ok := l.placeLocked(t, n)
		if !ok {
			return nil, g, &WaitError{int(n), Never, b.maxWait}
		}
		now := c.now(t)
		start := max(tat, now)
		due := start + c.need(n) - c.tol
		if due > now {
			if err := l.admitLocked(c, due, t, n, b); err != nil {
				return nil, g, err
			}
		}
		next := start + c.cost(n)
		if !c.tat.CompareAndSwap(tat, next) {
			continue
		}
		if due <= now {
			return nil, grant{true, c, next, now, l.reading(t)}, nil
		}
		w = l.pool.Get().(*waiter) //nolint:errcheck,forcetypeassert // the pool holds nothing else
		w.n, w.bound = n, b
		w.state.Store(asleep)
		w.place = l.queue.issued.Load()
		l.queue.push(w, c, now, start)
		if l.queue.Len() == 1 {
			l.queue.leader = w
		}
		return w, g, nil
	}
}

// placeLocked returns the cell, with room for n more tokens of debt, and the arrival
// time, behind which they have their place. It is false if there cannot be room:
// the place would be decades away.
func (l *Limiter) placeLocked(t, n int64) (c *cell, tat int64, ok bool) {
	for {
		c = l.cell.Load()
		tat = c.tat.Load()
		debt := max(tat-c.now(t), 0)
		switch {
		case c.inc == 0:
			return c, tat, true
		case debt/c.inc+n >= maxRoom:
			return c, tat, false
		case n <= c.room && debt+c.cost(n) <= c.room*c.inc: // neither can overflow
			return c, tat, true
		}
		l.publishLocked(t, t, c.rate, c.burst, n)
	}
}

// admitLocked refuses one who would have to wait until due.
func (l *Limiter) admitLocked(c *cell, due, t, n int64, b bound) error {
	now := l.reading(t)
	if err := b.late(n, delay(l.reading(c.time(due)), now), now); err != nil {
		return err
	}
	if l.cfg.maxWaiters >= 0 && l.queue.Len() >= l.cfg.maxWaiters {
		return ErrQueueFull
	}
	return nil
}

// delay returns how long it is from now until when: Never if that does not come, or
// is further away than a duration can say.
func delay(when, now int64) time.Duration {
	if when == never || now < 0 && when > never+now {
		return Never
	}
	return time.Duration(max(when-now, 0))
}

// serveLocked serves those whose tokens are there, and sees to it that the head
// of the queue knows that it is the head.
func (l *Limiter) serveLocked(c *cell, now int64, ready *waiting.Chain) {
	q := &l.queue
	q.release(c, now)
	for q.Len() > 0 && q.due(c) <= now {
		w := q.pop(c)
		w.c, w.falls, w.void = c, q.falls.Load(), q.carried.Load()
		l.finishLocked(w, served, ready)
	}
	if head := q.Front(); head != nil && head != q.leader {
		q.leader = head
		l.callLocked(ready)
	}
}

// callLocked makes the leader look at its time again.
func (l *Limiter) callLocked(ready *waiting.Chain) {
	if w := l.queue.leader; w != nil && w.state.Load() == asleep {
		w.state.Store(called)
		ready.Add(&w.Parker)
	}
}

// finishLocked gives a waiter its final state. One that was called has its token
// under way already.
func (l *Limiter) finishLocked(w *waiter, state int32, ready *waiting.Chain) {
	if w.state.Load() == asleep {
		ready.Add(&w.Parker)
	}
	w.state.Store(state)
}

// failLocked takes a waiter out of the queue with an error; its slot is free.
func (l *Limiter) failLocked(w *waiter, c *cell, now int64, err error, ready *waiting.Chain) {
	l.dropLocked(w, c, now)
	w.err = err
	l.finishLocked(w, failed, ready)
}

// dropLocked takes a waiter out of the queue; its slot is free.
func (l *Limiter) dropLocked(w *waiter, c *cell, now int64) {
	if back := l.queue.drop(w, c, now); back > 0 {
		l.queue.fell(c.tat.Add(-back))
	}
}

// await blocks until w has its tokens, fails, or its context ends.
func (l *Limiter) await(ctx context.Context, w *waiter) error {
	for told := false; ; {
		var alarm <-chan time.Time
		switch d, state := l.turn(w, told); {
		case state == served:
			return nil
		case state == failed:
			return w.err
		case d != Never:
			alarm = w.After(d)
		}
		told = false
		select {
		case <-w.Token():
			told = true
		case <-alarm:
		case <-ctx.Done():
		}
		if err := ctxerr.Of(ctx); err != nil { // a done ctx wins over tokens that came first
			return l.leave(w, err, told)
		}
	}
}

// turn serves whom it is time to serve and returns the state of w and, if it is
// the head of the queue, how long until it is its turn; else Never. Told says
// that w has taken a token from its channel.
func (l *Limiter) turn(w *waiter, told bool) (time.Duration, int32) {
	reading := l.clock.Now()
	t := l.time(reading)
	var ready waiting.Chain
	l.mu.Lock()
	c := l.freshLocked(t)
	owed := l.answeredLocked(w, told)
	if l.queue.Front() == w {
		l.queue.leader = w
	}
	l.serveLocked(c, c.now(t), &ready)
	state, d := w.state.Load(), Never
	if state == asleep && l.queue.leader == w {
		d = delay(l.reading(c.time(l.queue.due(c))), reading)
	}
	l.mu.Unlock()
	ready.Send()
	if owed && (state == served || state == failed) {
		<-w.Token() // it is there or about to be
	}
	return d, state
}

// answeredLocked puts w back to sleep if it has taken the token of a call, and
// reports whether it will have to take one more when it is out of the queue.
func (l *Limiter) answeredLocked(w *waiter, told bool) (owed bool) {
	if told && w.state.Load() == called {
		w.state.Store(asleep)
		return true
	}
	return !told
}

// leave ends the wait of w because of err: its slot is free, all behind it move
// up, and no token is lost.
func (l *Limiter) leave(w *waiter, err error, told bool) error {
	t := l.now()
	var ready waiting.Chain
	l.mu.Lock()
	c := l.freshLocked(t)
	owed := l.answeredLocked(w, told)
	was := w.state.Load()
	switch was {
	case asleep, called:
		l.dropLocked(w, c, c.now(t))
		owed = was == called
	case served:
		if r := w.reservation(); l.refundLocked(&r, t) {
			l.callLocked(&ready)
		}
		c = l.cell.Load()
	}
	l.serveLocked(c, c.now(t), &ready)
	l.mu.Unlock()
	ready.Send()
	if owed {
		<-w.Token() // it is there or about to be
	}
	if was == failed {
		return w.err
	}
	return err
}
