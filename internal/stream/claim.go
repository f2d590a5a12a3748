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
// The zero value is ready; a Claim runs once.
type Claim struct {
	// Workers is how many items may run at once; 0 means GOMAXPROCS. Both are set
	// before Run.
	Workers int
	AtOnce  bool

	work    Work
	n       int
	stopped atomic.Bool // read before each item, written once
	fault   atomic.Pointer[fault.Fault]
	joined  sync.WaitGroup

	// next is the first index that nobody has claimed. Every claim writes it, so
	// it has its own pair of cache lines: the fields above are read all the time.
	_    [128]byte
	next atomic.Int64
	_    [120]byte
}

// Stop makes every worker end before its next item.
func (c *Claim) Stop() { c.stopped.Store(true) }

// Stopped reports whether Stop was called, or a Range did not get to its end.
func (c *Claim) Stopped() bool { return c.stopped.Load() }

// Run runs w over the indices 0 to n-1 and reports whether every item ran to
// its end. When it returns, panics or ends its goroutine, all workers have
// ended. It panics with a *fault.PanicError if an item panicked, and calls
// runtime.Goexit if one did that, on whatever goroutine that was; of both the
// panic is reported.
func (c *Claim) Run(n int, w Work) bool {
	c.n, c.work = n, w
	fault.Catch(c.lead, c.join)
	c.fault.Load().Raise()
	return !c.stopped.Load()
}

// join ends Run in every case.
func (c *Claim) join(f *fault.Fault) {
	c.ended(f)
	c.joined.Wait()
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
	if workers == 0 && c.n > 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, c.n)
	switch {
	case workers <= 1:
		c.run(0, c.n)
	case c.AtOnce:
		c.spawn(workers-1, c.singles)
		c.singles()
	default:
		if chunk := c.probe(); chunk > 0 {
			crew := func() { c.chunks(chunk, workers) }
			c.spawn(workers-1, crew)
			crew()
		}
	}
}

// spawn starts n workers beside the one that runs.
func (c *Claim) spawn(n int, worker func()) {
	for range n {
		c.joined.Go(func() { fault.Catch(worker, c.ended) })
	}
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
		i := int(c.next.Add(1)) - 1
		if i >= c.n || !c.run(i, i+1) {
			return
		}
	}
}

// probe runs the first items alone: 1, 4, 16 and so on, until the pace is known
// and what is left is worth other workers. It returns how many items should
// make a chunk then, and 0 if nothing is left to do.
//
// The pace of a single item would do for items that take long, but for those of
// some nanoseconds it is that of the clock.
func (c *Claim) probe() int {
	clock := mono.New()
	for i, chunk := 0, 1; ; chunk *= 4 {
		end := min(i+chunk, i+max((c.n-i)/2, 1))
		if !c.run(i, end) {
			return 0
		}
		i = end
		left := c.n - i
		if left == 0 {
			return 0
		}
		if spent := clock.Now(); spent >= probeTime {
			// left/i > spawnTime/spent, without a division by a pace of 0.
			if pace := float64(spent) / float64(i); pace*float64(left) > float64(spawnTime) {
				c.next.Store(int64(i))
				return max(int(float64(chunkTime)/pace), 1)
			}
		}
	}
}

// chunks claims ranges of about chunkTime, the first of them of chunk items.
func (c *Claim) chunks(chunk, workers int) {
	clock := mono.New()
	for last := int64(0); ; {
		left := c.n - int(c.next.Load())
		size := max(min(chunk, left/(2*workers)), 1)
		hi := int(c.next.Add(int64(size)))
		lo := hi - size
		if lo >= c.n || !c.run(lo, min(hi, c.n)) {
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
