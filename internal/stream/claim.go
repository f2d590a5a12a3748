package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
)

// What a Claim aims at, in nanoseconds.
const (
	probeTime = int64(2 * time.Microsecond)  // no pace is read off less work than this
	spawnTime = int64(10 * time.Microsecond) // less work than this is not worth a goroutine
	chunkTime = int64(20 * time.Microsecond) // what one claimed chunk should take
)

// Work is what a [Claim] runs.
type Work interface {
	// Range runs the items lo to hi-1 in this order and reports whether it got
	// to the end. It must look at [Claim.Stopped] before each item, and give up
	// then. It is called from several goroutines at once, for each index once.
	Range(lo, hi int) bool
	// Faulted is told of each panic and Goexit of Range, on the goroutine where
	// it happened and before the others have ended, so that it can cancel them.
	Faulted(f *fault.Fault)
}

// Claim is one run over the indices of a slice. Workers take ranges of indices
// from a shared counter, so that one slow region does not make one worker late;
// the goroutine that calls [Claim.Run] is one of them.
//
// By default Run starts alone: it measures the first items and starts other
// workers only if what is left is worth it. Then each worker claims as many
// items as should take 20 µs at the pace that it saw last, and never more than
// its share of half of what is left, so that all end at about the same time. An
// item therefore may wait for one before it, though there are workers free.
// With AtOnce all workers start at once and claim one item at a time: then as
// many items as there are workers do run at once, which is what items that wait
// for a network, or for each other, need.
//
// A Claim must not be copied and runs once. A run that stays alone costs it nothing
// but itself.
type Claim struct {
	// N is the number of items, and Workers how many may run at once; 0 means
	// GOMAXPROCS. They are set before Run, like AtOnce.
	N       int
	Workers int
	AtOnce  bool

	stopped atomic.Bool
	work    Work
	fault   atomic.Pointer[fault.Fault]
	crew    *gang // made when a second worker starts
}

// gang is what several workers share.
type gang struct {
	joined sync.WaitGroup
	_      [128]byte    // processors prefetch lines in pairs
	next   atomic.Int64 // the first index that nobody has claimed
	_      [120]byte
}

// Stop makes every worker end before its next item.
func (c *Claim) Stop() { c.stopped.Store(true) }

// Stopped is true once Stop was called, or a Range did not get to its end. It is
// written once and read before every item, so the pointer is worth keeping in a
// local variable.
func (c *Claim) Stopped() *atomic.Bool { return &c.stopped }

// Run runs the items and reports whether every one ran to its end. When it
// returns, panics or ends its goroutine, all workers have ended. It panics with a
// *fault.PanicError if an item panicked, and calls runtime.Goexit if one did that,
// on whatever goroutine that was; of both the panic is reported.
func (c *Claim) Run(w Work) bool {
	c.work = w
	fault.Catch(c.lead, c.join)
	c.fault.Load().Raise()
	return !c.stopped.Load()
}

// join ends Run in every case.
func (c *Claim) join(f *fault.Fault) {
	c.ended(f)
	if c.crew != nil {
		c.crew.joined.Wait()
	}
	// After a Goexit on this very goroutine Run does not come to its Raise, and
	// the panic of a sibling must not get lost.
	if exited(f) && !exited(c.fault.Load()) {
		c.fault.Load().Raise()
	}
}

// exited reports whether f is a Goexit.
func exited(f *fault.Fault) bool { return f.Err() == fault.ErrGoexit } //nolint:errorlint // the fault itself, never wrapped

// ended notes how a worker ended. A panic takes the place of a Goexit; else the
// first counts.
func (c *Claim) ended(f *fault.Fault) {
	if f == nil {
		return
	}
	c.Stop()
	if !c.fault.CompareAndSwap(nil, f) && !exited(f) {
		if first := c.fault.Load(); exited(first) {
			c.fault.CompareAndSwap(first, f)
		}
	}
	c.work.Faulted(f)
}

// lead is what the goroutine that called Run does.
func (c *Claim) lead() {
	workers := c.Workers
	if workers == 0 && c.N > 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, c.N)
	switch {
	case workers <= 1:
		c.run(0, c.N)
	case c.AtOnce:
		c.start(0, workers, c.singles)
	default:
		if from, chunk := c.probe(); from < c.N {
			c.start(from, workers, func() { c.chunks(chunk, workers) })
		}
	}
}

// start lets so many workers, this goroutine included, claim from the index from.
func (c *Claim) start(from, workers int, worker func()) {
	c.crew = &gang{}
	c.crew.next.Store(int64(from))
	for range workers - 1 {
		c.crew.joined.Go(func() { fault.Catch(worker, c.ended) })
	}
	worker()
}

// run runs a claimed range.
func (c *Claim) run(lo, hi int) bool {
	if c.stopped.Load() {
		return false
	}
	if !c.work.Range(lo, hi) {
		c.Stop()
		return false
	}
	return true
}

// singles claims one item after the other.
func (c *Claim) singles() {
	for {
		i := int(c.crew.next.Add(1)) - 1
		if i >= c.N || !c.run(i, i+1) {
			return
		}
	}
}

// probe runs the first items alone: 1, 4, 16 and so on, until the pace is known
// and what is left is worth other workers. It returns the first index that is
// left, and how many items should make a chunk.
//
// The pace of a single item would do for items that take long, but for those of
// some nanoseconds it is that of the clock. No step takes more than three quarters
// of what is left, so that the rest finds other workers if it is slow; but a rest
// that is small beside what has run is not worth a look at the clock.
func (c *Claim) probe() (from, chunk int) {
	clock := mono.New()
	for i, step := 0, 1; ; step *= 4 {
		end := i + min(step, (3*(c.N-i)+3)/4)
		if c.N-end <= end/4 {
			end = c.N
		}
		if !c.run(i, end) || end == c.N {
			return c.N, 0
		}
		i = end
		if spent := clock.Now(); spent >= probeTime {
			if pace := float64(spent) / float64(i); pace*float64(c.N-i) > float64(spawnTime) {
				return i, max(int(float64(chunkTime)/pace), 1)
			}
		}
	}
}

// chunks claims ranges of about chunkTime, the first of them of chunk items.
func (c *Claim) chunks(chunk, workers int) {
	clock := mono.New()
	for last := int64(0); ; {
		left := c.N - int(c.crew.next.Load())
		size := max(min(chunk, left/(2*workers)), 1)
		hi := int(c.crew.next.Add(int64(size)))
		lo := hi - size
		if lo >= c.N || !c.run(lo, min(hi, c.N)) {
			return
		}
		now := clock.Now()
		switch took := now - last; {
		case took < chunkTime/2:
			chunk = 2 * size
		case took > 2*chunkTime:
			// Straight to what fits: if the items have become slow, the next chunk
			// of the old size could be the last one that all wait for.
			chunk = max(int(int64(size)*chunkTime/took), 1)
		}
		last = now
	}
}
