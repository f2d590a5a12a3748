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
// to be released. Permits that SetLimit adds meanwhile count as held, too, and are
// free for others with the first that is released. Errors are those of
// [Semaphore.Acquire] but ErrTooLarge.
func (s *Semaphore) AcquireAll(ctx context.Context) (int64, error) {
	if err := ctxerr.Of(ctx); err != nil {
		return 0, err
	}
	if s.word.CompareAndSwap(bias, bias+s.first|flagAll) {
		s.countAcquired()
		return s.first, nil
	}
	return s.wait(ctx, wantAll, 0)
}

// TryAcquireAll takes every permit if nobody holds one, and reports whether it
// did; it never waits.
func (s *Semaphore) TryAcquireAll() (int64, bool) {
	n := s.tryAll()
	if n > 0 {
		s.countAcquired()
	}
	return n, n > 0
}
