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
	ch    chan struct{} // cap 1; a token comes when it is at the head
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

// enter takes n tokens if nobody is before the caller and they are there, or puts
// it in the line, perhaps at its head, or refuses. The turn is nil but in the line.
func (q *line) enter(ctx context.Context, clock mono.Clock, n int64, take func(n, ahead int64) Decision) (t *turn, head bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := take(n, q.ahead.Load())
	if d.OK {
		return nil, false, nil
	}
	if deadline, ok := ctx.Deadline(); ok && int64(d.RetryAfter) >= clock.At(deadline)-clock.Now() {
		return nil, false, &WaitError{int(n), d.RetryAfter}
	}
	t = &turn{n: n, ch: make(chan struct{}, 1)}
	q.turns.PushBack(t)
	q.ahead.Add(n)
	return t, q.turns.Front() == t, nil
}

// leave takes t out of the line and calls the next to its head.
func (q *line) leave(t *turn) {
	q.mu.Lock()
	head := q.turns.Front() == t
	q.turns.Remove(t)
	q.ahead.Add(-t.n)
	next := q.turns.Front()
	q.mu.Unlock()
	if head && next != nil {
		next.ch <- struct{}{} // never blocks: who becomes the head gets one token
	}
}

// wait takes n tokens in line. Take decides for one with that many tokens before it.
func (q *line) wait(ctx context.Context, clock mono.Clock, n int64, take func(n, ahead int64) Decision) error {
	if err := ctxerr.Of(ctx); err != nil || n == 0 {
		return err
	}
	t, head, err := q.enter(ctx, clock, n, take)
	if t == nil {
		return err
	}
	defer q.leave(t)
	if !head {
		select {
		case <-t.ch:
		case <-ctx.Done():
			return ctxerr.Of(ctx)
		}
	}
	for {
		if err := ctxerr.Of(ctx); err != nil {
			return err
		}
		d := take(n, 0)
		if d.OK {
			return nil
		}
		timer := time.NewTimer(d.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
