package semaphore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/waiting"
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
// Cost: an acquisition or release that need not wait is one atomic operation
// and allocates nothing. A wait costs one entry of a pool that belongs to the
// semaphore: about 240 bytes beside the goroutine that waits, so that a million
// waiters need a quarter of a gigabyte, and nothing more in the steady state. A
// waiter leaves the queue in constant time wherever it stands.
type Semaphore struct {
	word  atomic.Int64
	full  int64        // the plain word that has no permit left, or 0: no fast path
	first int64        // the limit that New was given
	low   atomic.Int64 // the word with nothing held and no other flag, or changing

	_     [96]byte // what every call writes stays off the line of what it only reads
	cfg   config
	clock mono.Clock

	_    [64]byte // and that off the line that waiters write
	pool sync.Pool
	mu   sync.Mutex
	// mu guards the queue, woken, closed and all. The limit, low and the
	// flags in the word but flagAll change under it alone; the permits change
	// without it, too.
	queue  queue
	woken  *waiter // the waiter in state woken, or nil
	closed bool
	limit  atomic.Int64
	all    int64 // what the AcquireAll has that set flagAll

	counts *waiting.Counts // those of the Keyed, for one of its semaphores
	loans  loans
}

// New returns a semaphore of limit permits, all of them free. It panics if
// limit is not between 1 and [MaxLimit].
func New(limit int64, opts ...Option) *Semaphore {
	checkLimit(limit)
	return newSemaphore(limit, newConfig("New", opts), &waiting.Counts{})
}

func newSemaphore(limit int64, cfg config, n *waiting.Counts) *Semaphore {
	s := &Semaphore{cfg: cfg, clock: mono.New(), counts: n}
	s.queue.aging, s.queue.lifo, s.queue.shares = cfg.aging, cfg.lifo, cfg.shares
	s.pool.New = newWaiter
	s.first, s.all = limit, limit
	s.limit.Store(limit)
	s.low.Store(bias)
	s.word.Store(bias)
	if cfg.acquired == nil { // the fast path does not count
		s.full = bias + limit
	}
	return s
}

// mustBeMade is called on slow paths: the word of a zero Semaphore never lets
// anybody take the fast one.
func (s *Semaphore) mustBeMade() {
	if s.low.Load() == 0 {
		panic("semaphore: a Semaphore must be made by New, this one is a zero value")
	}
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
	if ctx.Err() == nil && (s.fast(n) || s.fastResized(n)) {
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
	s.yieldTo(n)
	if n > 0 && s.try(n) {
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
	// A refusal is inlined and writes nothing, so it scales. Of a word with flags
	// the difference is negative, which is more than any n here.
	return (n <= 0 || uint64(s.full-s.word.Load()) >= uint64(n)) && s.tryAcquire(n) // #nosec G115 -- see above
}

// tryAcquire is TryAcquire where there seem to be enough permits.
func (s *Semaphore) tryAcquire(n int64) bool {
	if s.fast(n) {
		return true
	}
	if st := s.word.Load(); st < 0 && n > max(s.first-usedOf(st), 0) {
		return false // as TryAcquire does, of a word that was resized
	}
	if s.fastResized(n) {
		return true
	}
	mustNotBeNegative(n)
	if n == 0 {
		return s.tryNothing()
	}
	s.yieldTo(n)
	if !s.try(n) {
		return false
	}
	s.countAcquired()
	return true
}

// tryNothing is TryAcquire of 0 permits.
func (s *Semaphore) tryNothing() bool {
	s.mustBeMade()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if !closed {
		s.countAcquired()
	}
	return !closed
}

// Release gives n permits back. It panics, and leaves everything as it was, if
// fewer are held or n is negative. It works after Close, too.
func (s *Semaphore) Release(n int64) {
	if n>>inlineBits != 0 || s.word.Add(-n)>>plainShift != 1 {
		s.released(n)
	}
}

// released is the rest of a Release: of one that has subtracted n, with a word
// that is not plain, or that is still to come because n is out of the ordinary.
func (s *Semaphore) released(n int64) {
	if n>>inlineBits == 0 && n > 0 {
		// Of a word without flagResized low may be changing, which says nothing.
		if st := s.word.Load(); st < 0 && (st-s.low.Load())>>plainShift == 0 {
			return // plain, but for flagResized
		}
	}
	s.mustBeMade()
	mustNotBeNegative(n)
	if n>>inlineBits != 0 {
		if s.put(n) {
			s.look()
		}
		return
	}
	switch st := s.word.Load(); {
	case n == 0:
	case s.unsure(st):
		s.undo(n)
	case due(st):
		s.look()
	}
}

// look serves the queue after a release.
func (s *Semaphore) look() {
	s.mu.Lock()
	s.unlockAndWake()
}

// unlockAndWake unlocks mu, ends the rule of an AcquireAll that has released, and
// serves the queue.
func (s *Semaphore) unlockAndWake() {
	st := s.word.Load() // once: between two looks somebody may release too much and take it back
	if held := heldOf(st, s.low.Load()); st&flagAll != 0 && held >= 0 && held < s.all {
		s.word.And(^flagAll)
	}
	ready := s.wakeLocked()
	s.mu.Unlock()
	ready.Send()
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
