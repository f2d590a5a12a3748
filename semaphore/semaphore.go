package semaphore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// Semaphore hands out a limited number of permits. Make it with [New]; the
// zero value is not usable, and it must not be copied. It is safe for
// concurrent use.
//
// Order: callers that wait are served in the order in which they came (but see
// [FIFO], [LIFO] and [Semaphore.AcquirePriority]). A release wakes the first of
// them, which competes with newcomers; after 16 of those have gone ahead of it,
// the permits are handed to it directly and newcomers queue up behind. So a
// caller is overtaken at most 16 times for each caller before it and 16 times
// at the head of the queue, and a large request is never starved by small ones.
// A free permit that the head of the queue cannot use, because it wants more
// than are free, does not pass to those behind it.
//
// Memory: a Release synchronizes before the return of an acquisition that could
// not have succeeded without it.
//
// Cost: an acquisition or release that need not wait is one compare-and-swap
// and allocates nothing. A wait costs one entry of a pool that belongs to the
// semaphore: about 240 bytes beside the goroutine that waits, so that a million
// waiters need a quarter of a gigabyte, and nothing more in the steady state. A
// waiter leaves the queue in constant time wherever it stands.
type Semaphore struct {
	cell  atomic.Pointer[cell]
	cfg   config
	clock mono.Clock

	_    [64]byte // what every call reads stays off the line that waiters write
	pool sync.Pool
	mu   sync.Mutex
	// mu guards the queue, woken and replacing the cell. The flags in the word
	// change under it alone; the permits change without it too.
	queue queue
	woken *waiter // the waiter in state woken, or nil

	counts *counts // those of the Keyed, for one of its semaphores
	loans  loans
}

// New returns a semaphore of limit permits, all of them free. It panics if
// limit is not between 1 and [MaxLimit].
func New(limit int64, opts ...Option) *Semaphore {
	checkLimit(limit)
	return newSemaphore(limit, newConfig("New", opts), &counts{})
}

func newSemaphore(limit int64, cfg config, n *counts) *Semaphore {
	s := &Semaphore{cfg: cfg, clock: mono.New(), counts: n}
	s.queue.aging, s.queue.lifo, s.queue.shares = cfg.aging, cfg.lifo, cfg.shares
	s.pool.New = newWaiter
	s.cell.Store(newCell(limit, limit<<shift))
	return s
}

func checkLimit(limit int64) {
	if limit < 1 || limit > MaxLimit {
		panic(fmt.Sprintf("semaphore: limit must be between 1 and %d, got %d", int64(MaxLimit), limit))
	}
}

// Acquire takes n permits, waiting until they are there. It returns
//
//   - ctx.Err() if ctx is done, even if the permits are free (an error that
//     matches context.Cause(ctx) too, if there is a cause of its own),
//   - [ErrTooLarge] if n exceeds the limit, at once or when SetLimit lowers it,
//   - [ErrQueueFull], [ErrWaitTimeout] where MaxWaiters or MaxWait say so,
//   - [ErrClosed] after Close.
//
// On an error no permit was taken. Acquiring 0 permits never waits. A negative
// n panics.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	if ctx.Err() == nil && s.fast(n) {
		s.countAcquired()
		return nil
	}
	return s.acquire(ctx, n)
}

// acquire is Acquire where the first try failed.
func (s *Semaphore) acquire(ctx context.Context, n int64) error {
	mustNotBeNegative(n)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	if n > 0 && s.try(n) > 0 {
		s.countAcquired()
		return nil
	}
	_, err := s.wait(ctx, n, 0)
	return err
}

// TryAcquire takes n permits if they are free and reports whether it did; it
// never waits. It does not overtake a queue any further than Acquire does.
// Taking 0 permits succeeds until Close. A negative n panics.
func (s *Semaphore) TryAcquire(n int64) bool {
	if n > 0 {
		c := s.cell.Load()
		st := c.word.Load()
		if st&flagFrozen == 0 && st>>shift < n {
			return false // has written nothing, so refusals scale
		}
		if st&flagsBusy == 0 && c.word.CompareAndSwap(st, st-n<<shift) {
			s.countAcquired()
			return true
		}
	}
	return s.tryAcquire(n)
}

// tryAcquire is TryAcquire where the first try failed.
func (s *Semaphore) tryAcquire(n int64) bool {
	mustNotBeNegative(n)
	if n == 0 {
		_, st := s.read()
		return st&flagClosed == 0
	}
	if s.try(n) == 0 {
		return false
	}
	s.countAcquired()
	return true
}

// Release gives n permits back. It panics, and leaves everything as it was, if
// fewer are held or n is negative. It works after Close, too.
func (s *Semaphore) Release(n int64) {
	if n > 0 {
		c := s.cell.Load()
		st := c.word.Load()
		if st&flagsBusy == 0 && n <= c.limit-st>>shift && c.word.CompareAndSwap(st, st+n<<shift) {
			return
		}
	}
	s.release(n)
}

// release is Release where the first try failed.
func (s *Semaphore) release(n int64) {
	mustNotBeNegative(n)
	if n == 0 || !s.put(n) {
		return
	}
	s.mu.Lock()
	ready := s.wakeLocked()
	s.mu.Unlock()
	ready.send()
}

func (s *Semaphore) countAcquired() {
	if s.cfg.acquired != nil {
		s.cfg.acquired.Add(1)
	}
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic(fmt.Sprintf("semaphore: n must be at least 0, got %d", n))
	}
}
