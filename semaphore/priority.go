package semaphore

import (
	"context"
	"fmt"

	"github.com/weirkit/weir/internal/ctxerr"
)

// MaxPriority bounds priorities: they lie between -MaxPriority and MaxPriority.
const MaxPriority = 1000

// AcquirePriority is [Semaphore.Acquire] with a place in the queue: a larger
// priority goes first, and among equals the one that came first. Acquire has
// priority 0. While somebody waits with another priority, nobody overtakes the
// queue. Those of a low priority may wait without end unless the semaphore has
// [Aging]. A decision costs time in proportion to the number of different
// priorities that wait.
func (s *Semaphore) AcquirePriority(ctx context.Context, n int64, priority int) error {
	mustNotBeNegative(n)
	checkPriority(priority)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	if s.fast(n) { // nobody waits, so the priority decides nothing
		s.countAcquired()
		return nil
	}
	_, err := s.wait(ctx, n, priority)
	return err
}

func checkPriority(priority int) {
	if priority < -MaxPriority || priority > MaxPriority {
		panic(fmt.Sprintf("semaphore: priority must be between %d and %d, got %d", -MaxPriority, MaxPriority, priority))
	}
}
