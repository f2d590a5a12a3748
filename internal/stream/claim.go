package stream

import (
	"runtime"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
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
// By default Run starts alone, with a [Probe]: it measures the first items and starts
// other workers only if what is left is worth it. Then each worker claims as many
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
// A Claim must not be copied and runs once.
type Claim struct {
	// N is the number of items, and Workers how many may run at once; 0 means
	// GOMAXPROCS, and with AtOnce it must not be 0. They are set before Run.
	N       int
	Workers int
	AtOnce  bool // small, like signal beside it

	signal      atomic.Uint32
	from, chunk int // where a Probe has left it; 0 if there was none
	work        Work
	fault       atomic.Pointer[fault.Fault]
	crew        *gang // made when a second worker starts
}

// Stop makes every worker end before its next item.
func (c *Claim) Stop() { c.signal.Store(Stop) }

// Signal is read before every item and written a few times in a run, so the pointer
// is worth keeping in a local variable.
func (c *Claim) Signal() *atomic.Uint32 { return &c.signal }

// Resume makes a new Claim one whose Run goes on, with other workers, where p ended.
func (c *Claim) Resume(p *Probe) {
	c.N, c.Workers, c.from, c.chunk = p.N, p.Workers, p.Lo, p.Chunk
}

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
	if c.AtOnce && workers > 1 {
		c.start(0, workers)
		return
	}
	if c.from == 0 {
		var p Probe
		p.Begin(c.N, workers)
		for more := true; more; more = p.More() {
			if !c.alone(p.Lo, p.Hi) {
				return
			}
		}
		c.Resume(&p)
	}
	if left := c.N - c.from; left > 0 {
		c.start(c.from, min(c.Workers, left))
	}
}

// start lets so many workers, this goroutine included, claim from the index from.
func (c *Claim) start(from, workers int) {
	c.crew = &gang{workers: workers}
	c.crew.running.Store(int64(workers))
	c.crew.member = func() { fault.Catch(c.member, c.ended) }
	c.crew.next.Store(int64(from))
	c.crew.enlist(workers - 1)
	if !c.AtOnce {
		// The goroutine started last is the next of this processor, and others may
		// take it only after a sleep of theirs. Let it begin here, and this one be
		// taken: the first processor that wakes then has work at once.
		runtime.Gosched()
	}
	c.member()
}

// member is what each worker does.
func (c *Claim) member() {
	if c.AtOnce {
		c.singles()
	} else {
		c.chunks()
	}
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
