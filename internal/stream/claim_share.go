package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// gang is what several workers of a [Claim] share. Nobody waits in it: a worker that
// finds nothing to claim ends, and one whose chunk turns out to be slow starts others
// for the rest of it. To end costs nothing, while to sleep and to be woken for a few
// items that another one had almost done costs more than they do.
type gang struct {
	joined  sync.WaitGroup // the workers but the one that waits for them
	workers int
	member  func() // what each of them does

	running atomic.Int64 // workers that have not ended; changes under mu
	mu      sync.Mutex
	given   []span // back, by workers whose chunk is slow

	_    [128]byte    // processors prefetch lines in pairs
	next atomic.Int64 // the first index that nobody has claimed
	_    [120]byte
}

// While another worker has nothing to do, one whose chunk is about to end looks up
// so often.
const (
	glanceTime  = int64(time.Microsecond)
	glanceItems = 16
)

// span is the indices lo to hi-1.
type span struct{ lo, hi int }

// lastItems is how often the one that waits for the others looks whether they have
// ended, before it sleeps: for about the time of a few items that are fast.
const lastItems = 2000

// awaitLast gives the other members the time for what they are about to end.
func (g *gang) awaitLast() {
	for range lastItems {
		if g.running.Load() <= 1 {
			return
		}
	}
}

// enlist starts so many members.
func (g *gang) enlist(n int) {
	for range n {
		g.joined.Go(g.member)
	}
}

// chunks claims ranges of about chunkTime.
func (c *Claim) chunks() {
	chunk := c.chunk
	w := sharer{Claim: c, began: mono.Ticks()}
	for {
		from, ok := w.claim(chunk)
		if !ok {
			return
		}
		ran := w.run(from)
		if ran < 0 {
			return
		}
		now := mono.Ticks()
		switch took := now - w.began; {
		case took < chunkTime/2:
			chunk = 2 * ran
		case took > 2*chunkTime:
			chunk = max(int(int64(ran)*chunkTime/took), 1)
		}
		w.began = now
	}
}

// sharer is a worker that claims chunks.
type sharer struct {
	*Claim
	began int64 // when the chunk did
}

// claim takes the next range: of what nobody has claimed, else of what was given
// back. If there is none this worker is to end.
func (w *sharer) claim(chunk int) (span, bool) {
	g := w.crew
	if left := w.N - int(g.next.Load()); left > 0 {
		size := max(min(chunk, left/(2*g.workers)), 1)
		hi := int(g.next.Add(int64(size)))
		if lo := hi - size; lo < w.N {
			return span{lo, min(hi, w.N)}, true
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.given) == 0 || w.Stopped() {
		g.running.Add(-1)
		w.signal.CompareAndSwap(Proceed, Share)
		return span{}, false
	}
	w.began = mono.Ticks()
	return g.oneLocked(), true
}

// oneLocked takes one item of what was given back: that is slow.
func (g *gang) oneLocked() span {
	last := &g.given[len(g.given)-1]
	one := span{last.lo, last.lo + 1}
	if last.lo++; last.lo == last.hi {
		g.given = g.given[:len(g.given)-1]
	}
	return one
}

// run runs a claimed range, gives back what others should rather run, and returns
// how many items it ran itself; -1 if nothing more may begin.
func (w *sharer) run(s span) int {
	at := w.work.Range(s.lo, s.hi, Share)
	for at < s.hi {
		heed, end := Share, s.hi
		switch w.signal.Load() {
		case Stop:
			return -1
		case Share:
			pace := w.pace(at - s.lo)
			if pace*int64(s.hi-at) >= spawnTime && w.give(span{at + 1, s.hi}, pace >= spawnTime) {
				s.hi = at + 1
			}
			// What is not worth it, at the pace so far, is looked at again soon.
			heed, end = Stop, min(at+int(max(min(glanceTime/pace, glanceItems), 1)), s.hi)
		}
		at = w.work.Range(at, end, heed)
	}
	return at - s.lo
}

// pace is what an item of the current chunk takes, after ran of them.
func (w *sharer) pace(ran int) int64 {
	return max((mono.Ticks()-w.began)/int64(max(ran, 1)), 1)
}

// give lets others have s, and reports whether it did. Whoever comes next need not
// have ended already if an item is so slow that it would wait long: the others may
// be about to end in this very moment.
func (w *sharer) give(s span, slow bool) bool {
	g := w.crew
	g.mu.Lock()
	defer g.mu.Unlock()
	free := g.workers - int(g.running.Load())
	if s.lo == s.hi || free == 0 && !slow {
		return false
	}
	g.given = append(g.given, s)
	more := min(free, s.hi-s.lo)
	g.running.Add(int64(more))
	g.enlist(more) // this worker has not ended: nobody has yet got past joined
	return true
}
