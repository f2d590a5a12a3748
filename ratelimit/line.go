package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/list"
	"github.com/weirkit/weir/internal/mono"
)

// turn is a place in a line.
type turn struct {
	links list.Node[turn]
	n     int64
	bound bound         // how long it waits
	most  int           // who would be one more in the line is refused; -1: no bound
	ch    chan struct{} // cap 1; a token says to look again

	// Guarded by the line's mu.
	err  error                   // why it was taken out of the line
	stop context.CancelCauseFunc // ends what the head waits for elsewhere, if it does
}

// Links is for package list.
func (t *turn) Links() *list.Node[turn] { return &t.links }

// line is the queue of those whose limit cannot give a time in advance: only the
// head of it asks. Nobody overtakes.
type line struct {
	ahead atomic.Int64 // tokens that those in the line ask for
	mu    sync.Mutex
	turns list.List[turn, *turn] // guarded by mu
}

// waiting returns the number of callers in the line.
func (q *line) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.turns.Len()
}

// late returns the error of one who would wait for what d says, nil if it is in time.
func (t *turn) late(d Decision, now int64) error {
	return t.bound.late(t.n, d.RetryAfter, now)
}

// enter takes the tokens of t if nobody is before it and they are there, or puts it in
// the line, perhaps at its head, or refuses it: take decides for one with that many
// tokens before it. It reports whether t is in the line.
func (q *line) enter(t *turn, clock mono.Clock, take func(ahead int64) Decision) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := take(q.ahead.Load())
	if d.OK {
		return false, nil
	}
	if err := t.late(d, clock.Now()); err != nil {
		return false, err
	}
	if t.most >= 0 && q.turns.Len() >= t.most {
		return false, ErrQueueFull
	}
	t.ch = make(chan struct{}, 1)
	q.turns.PushBack(t)
	q.ahead.Add(t.n)
	return true, nil
}

// at reports whether t is at the head, or why it is no longer in the line. Stop is
// called if that changes.
func (q *line) at(t *turn, stop context.CancelCauseFunc) (head bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.stop = stop
	return t.err == nil && q.turns.Front() == t, t.err
}

// leave takes t out of the line, if it is there still, and calls the next to its head.
func (q *line) leave(t *turn) {
	q.mu.Lock()
	var next *turn
	if t.err == nil {
		head := q.turns.Front() == t
		q.turns.Remove(t)
		q.ahead.Add(-t.n)
		if head {
			next = q.turns.Front()
		}
	}
	q.mu.Unlock()
	if next != nil {
		next.call()
	}
}

// call makes the owner of t look at its place again.
func (t *turn) call() {
	select {
	case t.ch <- struct{}{}:
	default: // it has not looked since the last one
	}
}

// review looks at all in the line after their limit has changed. Those who cannot be
// served in time any more fail at once, and free their places before the ones behind
// them are looked at. Look decides for one with that many tokens before it, and takes
// nothing; fits says whether so many can ever be there.
func (q *line) review(clock mono.Clock, look func(n, ahead int64) Decision, fits func(n int64) bool) {
	type out struct {
		t    *turn
		stop context.CancelCauseFunc
	}
	var gone []out
	q.mu.Lock()
	now, ahead := clock.Now(), int64(0)
	for t := q.turns.Front(); t != nil; {
		behind := q.turns.Next(t)
		switch err := t.late(look(t.n, ahead), now); {
		case !fits(t.n):
			t.err = ErrExceedsBurst
		case err != nil:
			t.err = err
		default:
			ahead += t.n
		}
		if t.err != nil {
			q.turns.Remove(t)
			q.ahead.Add(-t.n)
			gone = append(gone, out{t, t.stop})
		}
		t = behind
	}
	head := q.turns.Front()
	q.mu.Unlock()
	for _, o := range gone {
		if o.stop != nil {
			o.stop(o.t.err)
		}
		o.t.call()
	}
	if head != nil {
		head.call() // its time may be another, or it was not at the head
	}
}

// wait takes n tokens in line. Take decides for one with that many tokens before it.
func (q *line) wait(ctx context.Context, clock mono.Clock, n int64, take func(n, ahead int64) Decision) error {
	if take(n, q.ahead.Load()).OK {
		return nil
	}
	t := &turn{n: n, bound: boundOf(ctx, clock), most: -1}
	if in, err := q.enter(t, clock, func(ahead int64) Decision { return take(n, ahead) }); !in {
		return err
	}
	defer q.leave(t)
	for {
		head, err := q.at(t, nil)
		if err != nil {
			return err
		}
		if err := ctxerr.Of(ctx); err != nil {
			return err
		}
		var alarm <-chan time.Time
		stop := func() bool { return true }
		if head {
			d := take(n, 0)
			if d.OK {
				return nil
			}
			timer := time.NewTimer(d.RetryAfter)
			alarm, stop = timer.C, timer.Stop
		}
		select {
		case <-t.ch:
		case <-alarm:
		case <-ctx.Done():
		}
		stop()
	}
}
