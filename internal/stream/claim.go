package stream

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
)

// What a Claim aims at, in nanoseconds.
const (
	probeTime = int64(2 * time.Microsecond)  // no pace is read off less work than this
	spawnTime = int64(10 * time.Microsecond) // less work than this is not worth a goroutine, nor to wake one
	chunkTime = int64(20 * time.Microsecond) // what one claimed chunk should take
)

// Signal tells workers, before each item, whether to go on.
type Signal = uint32

// Each of them includes those before it.
const (
	Proceed Signal = iota
	Share          // another worker had nothing to do: return, so that one may have what is left
	Stop           // nothing more may begin
)

// Work is what a [Claim] runs.
type Work interface {
	// Range runs the items from lo to hi-1, in this order, and returns the index
	// behind the last. Before each item it looks at [Claim.Signal], and returns if
	// that is at least heed. If it returns for another reason it has called
	// [Claim.Stop]. It is called from several goroutines at once, for each index once.
	Range(lo, hi int, heed Signal) int
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
// its share of half of what is left, so that all end at about the same time. A
// worker that finds nothing more to claim asks the others to share and ends, and one
// whose chunk turns out to be slow then starts others for the rest of it. Still an item may have to
// wait for the one before it, though there are workers free.
//
// With AtOnce all workers start at once and claim one item at a time: then as
// many items as there are workers do run at once, which is what items that wait
// for a network, or for each other, need.
//
// A Claim must not be copied and runs once. A run that stays alone costs it nothing
// but itself.
type Claim struct {
	// N is the number of items, and Workers how many may run at once; 0 means
	// GOMAXPROCS, and with AtOnce it must not be 0. They are set before Run.
	N       int
	Workers int
	AtOnce  bool // small, like signal beside it

	signal atomic.Uint32
	work   Work
	fault  atomic.Pointer[fault.Fault]
	crew   *gang // made when a second worker starts
}

// Stop makes every worker end before its next item.
func (c *Claim) Stop() { c.signal.Store(Stop) }

// Signal is read before every item and written a few times in a run, so the pointer
// is worth keeping in a local variable.
func (c *Claim) Signal() *atomic.Uint32 { return &c.signal }

// Alone reports whether no other worker has been started yet, and so none could have
// anything to signal. It is for workers.
func (c *Claim) Alone() bool { return c.crew == nil }

// Stopped reports whether nothing more may begin.
func (c *Claim) Stopped() bool { return c.signal.Load() == Stop }

// Run runs the items and reports whether every one ran to its end. When it
// returns, panics or ends its goroutine, all workers have ended. It panics with a
// *fault.PanicError if an item panicked, and calls runtime.Goexit if one did that,
// on whatever goroutine that was; of both the panic is reported.
func (c *Claim) Run(w Work) bool {
	c.work = w
	fault.Catch(c.lead, c.join)
	c.fault.Load().Raise()
	return !c.Stopped()
}

// join ends Run in every case.
func (c *Claim) join(f *fault.Fault) {
	c.ended(f)
	if c.crew != nil {
		if !c.AtOnce {
			c.crew.awaitLast()
		}
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
	workers := min(c.Workers, c.N)
	switch {
	case c.N <= 1 || workers == 1:
		c.alone(0, c.N)
		return
	case c.AtOnce:
		c.start(0, workers, c.singles)
		return
	}
	from, chunk := c.probe()
	if from == c.N {
		return
	}
	if workers == 0 { // asked for late: it takes a lock of the scheduler
		workers = min(runtime.GOMAXPROCS(0), c.N-from)
	}
	if workers == 1 {
		c.alone(from, c.N)
		return
	}
	c.start(from, workers, func() { c.chunks(chunk) })
}

// start lets so many workers, this goroutine included, claim from the index from.
func (c *Claim) start(from, workers int, worker func()) {
	c.crew = &gang{workers: workers}
	c.crew.running.Store(int64(workers))
	c.crew.member = func() { fault.Catch(worker, c.ended) }
	c.crew.next.Store(int64(from))
	c.crew.enlist(workers - 1)
	if !c.AtOnce {
		// The goroutine started last is the next of this processor, and others may
		// take it only after a sleep of theirs. Let it begin here, and this one be
		// taken: the first processor that wakes then has work at once.
		runtime.Gosched()
	}
	worker()
}

// alone runs a range that nobody else could have a part of, and reports whether
// it got to the end.
func (c *Claim) alone(lo, hi int) bool {
	if c.Stopped() {
		return false
	}
	return c.work.Range(lo, hi, Stop) == hi
}

// singles claims one item after the other.
func (c *Claim) singles() {
	for {
		i := int(c.crew.next.Add(1)) - 1
		if i >= c.N || !c.alone(i, i+1) {
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
// of what is left, so that the rest finds other workers if it is slow; but behind
// fast ones, one or two are not worth a look at the clock.
func (c *Claim) probe() (from, chunk int) {
	clock := mono.New()
	for i, step := 0, 1; ; step *= 4 {
		end := i + min(step, (3*(c.N-i)+3)/4)
		if i > 0 && c.N-end <= 2 {
			end = c.N
		}
		if !c.alone(i, end) || end == c.N {
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
