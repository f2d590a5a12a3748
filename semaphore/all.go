package semaphore

import (
	"context"

	"github.com/weirkit/weir/internal/ctxerr"
)

// AcquireAll takes every permit at once and returns how many those are: it
// waits until nobody holds one, and until they are released nobody else gets
// one. It has its place in the queue like any other request, takes them in one
// step (two callers cannot each hold a part and wait for the rest), and follows
// SetLimit: the number is the limit at the moment of success, and that many are
// to be released. Permits that SetLimit adds later are free for others. Errors
// are those of [Semaphore.Acquire] but ErrTooLarge.
func (s *Semaphore) AcquireAll(ctx context.Context) (int64, error) {
	if err := ctxerr.Of(ctx); err != nil {
		return 0, err
	}
	c := s.cell.Load()
	if st := c.word.Load(); st&flagsBusy == 0 && st>>shift == c.limit && c.word.CompareAndSwap(st, st-c.limit<<shift) {
		s.countAcquired()
		return c.limit, nil
	}
	return s.wait(ctx, wantAll, 0)
}

// TryAcquireAll takes every permit if nobody holds one, and reports whether it
// did; it never waits.
func (s *Semaphore) TryAcquireAll() (int64, bool) {
	n := s.try(wantAll)
	if n > 0 {
		s.countAcquired()
	}
	return n, n > 0
}
