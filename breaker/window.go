package breaker

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// buckets of a time window: it looks back between nine tenths and the whole
	// of its length.
	buckets = 10
	// slots is buckets, rounded up so that an index needs no bounds check.
	slots = 16
	// patience is how often an add may meet another one before the window
	// spreads over several cache lines. Spread, it costs a random number for
	// each add, so it stays on one line while that line is quiet.
	patience = 64
)

// window counts outcomes over rolling time, by the moment of completion. A
// timer turns its buckets, so that counting a success reads no clock: it is one
// atomic operation. The rest is guarded by Breaker.mu. Each generation has a
// window of its own: an add that was delayed goes to the one it began in.
type window struct {
	step   int64
	cur    atomic.Uint32
	spread atomic.Pointer[spread]
	// cell is that of the current bucket, or nil once the window is spread: an
	// add follows one pointer to it and asks nothing else.
	cell atomic.Pointer[atomic.Uint64]

	_      [96]byte
	passed [slots]atomic.Uint64 // fast successes, until spread: a pair of lines

	meets  atomic.Uint32
	bucket [buckets]tally
}

// tally is what has been counted, but for fast successes that are still in
// their cells.
type tally struct{ calls, failed, slow uint64 }

func (t *tally) add(failed, slow bool) {
	t.calls++
	if failed {
		t.failed++
	}
	if slow {
		t.slow++
	}
}

func (t *tally) sum(u tally) { t.calls += u.calls; t.failed += u.failed; t.slow += u.slow }

// spread is the cells for fast successes once one line was not enough.
type spread struct {
	mask  uint32
	cells []line
}

// line is a cell for each bucket, alone on a pair of lines: processors
// prefetch lines in pairs.
type line struct{ passed [slots]atomic.Uint64 }

func newWindow(d time.Duration) *window {
	w := &window{step: int64(d) / buckets}
	w.cell.Store(&w.passed[0])
	return w
}

// pass counts a success of a call that was not slow.
func (w *window) pass() {
	c := w.cell.Load()
	if c == nil {
		s, i := w.spread.Load(), w.cur.Load()%slots
		s.cells[rand.Uint32()&s.mask].passed[i].Add(1) // #nosec G404 -- spreads load, guards nothing
		return
	}
	if !w.tryPass() {
		c.Add(1)
		w.meet()
	}
}

// tryPass is pass, if the window is not spread and the add meets no other.
func (w *window) tryPass() bool {
	c := w.cell.Load()
	if c == nil {
		return false
	}
	n := c.Load()
	return c.CompareAndSwap(n, n+1)
}

// meet notes that two adds met, and spreads the window if that is usual.
func (w *window) meet() {
	if w.meets.Add(1) != patience {
		return
	}
	procs, n := uint32(min(runtime.GOMAXPROCS(0), 32)), uint32(1) // #nosec G115 -- 1 to 32
	for n < 2*procs {
		n *= 2
	}
	w.spread.Store(&spread{mask: n - 1, cells: make([]line, n)})
	w.cell.Store(nil)
}

// cells returns what the cells of a bucket hold.
func (w *window) cells(i uint32) uint64 {
	n := w.passed[i].Load()
	if s := w.spread.Load(); s != nil {
		for k := range s.cells {
			n += s.cells[k].passed[i].Load()
		}
	}
	return n
}

// drain empties the cells of a bucket and returns what they held.
func (w *window) drain(i uint32) uint64 {
	n := w.passed[i].Swap(0)
	if s := w.spread.Load(); s != nil {
		for k := range s.cells {
			n += s.cells[k].passed[i].Swap(0)
		}
	}
	return n
}

func (w *window) current() *tally { return &w.bucket[w.cur.Load()] }

// turn begins the next bucket. Cells that have not been current for a whole
// step are moved into the tally, so that a sum need look at two buckets' cells
// alone; an add that was delayed by more than a step is lost.
func (w *window) turn() {
	cur := w.cur.Load()
	prev, next := (cur+buckets-1)%buckets, (cur+1)%buckets
	w.bucket[prev].calls += w.drain(prev)
	w.bucket[next] = tally{}
	w.drain(next)
	w.cur.Store(next)
	w.cell.Store(&w.passed[next])
	if w.spread.Load() != nil { // asked last: meet, which takes no lock, sets it first
		w.cell.Store(nil)
	}
}

// sum returns what the window holds.
func (w *window) sum() tally {
	var t tally
	for i := range w.bucket {
		t.sum(w.bucket[i])
	}
	cur := w.cur.Load()
	t.calls += w.cells(cur) + w.cells((cur+buckets-1)%buckets)
	return t
}

func (w *window) clear() {
	for i := range uint32(buckets) {
		w.bucket[i] = tally{}
		w.drain(i)
	}
}

// rotateLocked turns the window up to now, and stops the timer if that leaves
// it empty.
func (b *Breaker) rotateLocked(now int64) {
	w := b.window.Load()
	steps := (now-b.rotateAt)/w.step + 1
	for range min(steps, buckets) {
		w.turn()
	}
	b.rotateAt += steps * w.step
	if w.sum() == (tally{}) {
		b.rotateAt = 0
	}
	met, near := b.verdictLocked(b.rules.Load())
	b.near = met || near // with old successes gone, the next outcome may trip
}
