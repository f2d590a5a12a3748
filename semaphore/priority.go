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
// [Aging] or a [Share] for them. A decision costs time in proportion to the number of different
// priorities that wait.
func (s *Semaphore) AcquirePriority(ctx context.Context, n int64, priority int) error {
	mustNotBeNegative(n)
	checkPriority(priority)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	if s.fast(n) || s.fastResized(n) { // nobody waits, so the priority decides nothing
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

// share is the guarantee of one priority.
type share struct {
	priority int
	percent  int64
}

// Share guarantees a priority its part: of the permits that are handed out while
// callers of that priority wait, at least percent % go to them, but for what is
// left over from one request. What they do not claim goes to the others by
// priority. It may be given for several priorities, together at most 100 %. With
// a Share nobody overtakes the queue. It guarantees a part of what is handed
// out, not of what is held: that also depends on how long each holds.
func Share(priority, percent int) Option {
	checkPriority(priority)
	if percent < 1 || percent > 100 {
		panic(fmt.Sprintf("semaphore: Share must be between 1 and 100 percent, got %d", percent))
	}
	return optionFunc(func(c *config) {
		sum := int64(percent)
		for _, s := range c.shares {
			if s.priority == priority {
				panic(fmt.Sprintf("semaphore: Share of priority %d is given twice", priority))
			}
			sum += s.percent
		}
		if sum > 100 {
			panic(fmt.Sprintf("semaphore: Shares must be at most 100 percent together, got %d", sum))
		}
		c.shares = append(c.shares, share{priority, int64(percent)})
	})
}
