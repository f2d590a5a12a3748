package semaphore

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirkit/weir/internal/waiting"
)

// Weighted has the names and the semantics of the type of the same name in
// golang.org/x/sync/semaphore, so that a program changes one import: strictly
// first come, first served; a size of 0 is accepted; and a request above the
// size blocks until its context is done, in nobody's way. Make it with
// [NewWeighted]; the zero value has a size of 0, as there. It must not be copied,
// and is safe for concurrent use.
//
// It differs where x/sync leaves the door open for a mistake: a negative n
// panics instead of making permits, a release of more than is held panics
// before it changes anything, and acquiring 0 never waits.
//
// A size may exceed [MaxLimit]; then any request above MaxLimit takes
// everything.
type Weighted struct {
	s    *Semaphore
	size int64
}

// NewWeighted returns a semaphore with the given size. It panics if n is
// negative.
func NewWeighted(n int64) *Weighted {
	if n < 0 {
		panic(fmt.Sprintf("semaphore: size must be at least 0, got %d", n))
	}
	return &Weighted{newSemaphore(min(n, MaxLimit), newConfig("NewWeighted", []Option{FIFO()}), &waiting.Counts{}), n}
}

// Acquire takes n permits, waiting until they are there or ctx is done. It
// returns nil or ctx.Err(); on an error no permit was taken.
func (w *Weighted) Acquire(ctx context.Context, n int64) error {
	err := w.acquire(ctx, n)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrTooLarge) {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (w *Weighted) acquire(ctx context.Context, n int64) error {
	if w.s != nil {
		return w.s.Acquire(ctx, w.scale(n))
	}
	mustNotBeNegative(n)
	if n > 0 {
		return ErrTooLarge
	}
	return ctx.Err()
}

// TryAcquire takes n permits if they are free and nobody waits, and reports
// whether it did.
func (w *Weighted) TryAcquire(n int64) bool {
	if w.s != nil {
		return w.s.TryAcquire(w.scale(n))
	}
	mustNotBeNegative(n)
	return n == 0
}

// Release gives n permits back. It panics if fewer are held.
func (w *Weighted) Release(n int64) {
	if w.s != nil {
		w.s.Release(w.scale(n))
		return
	}
	mustNotBeNegative(n)
	if n > 0 {
		panicOverRelease(n, 0)
	}
}

// scale maps a request between MaxLimit and the size to MaxLimit.
func (w *Weighted) scale(n int64) int64 {
	if n > MaxLimit && n <= w.size {
		return MaxLimit
	}
	return n
}
