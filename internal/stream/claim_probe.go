package stream

import (
	"math"
	"runtime"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// What a Probe and a Claim aim at, in nanoseconds.
const (
	probeTime = int64(2 * time.Microsecond)  // no pace is read off less work than this
	spawnTime = int64(10 * time.Microsecond) // less work than this is not worth a goroutine, nor to wake one
	chunkTime = int64(20 * time.Microsecond) // what one claimed chunk should take
)

// probeGrowth is how many times as long as the step before it one of a Probe may be.
const probeGrowth = 8

// Probe is the start of a run over the indices of a slice, alone on one goroutine. It
// says which items to run before the next look at the clock: 1, 8, 64 and so on,
// until the pace is known and what is left is worth other workers.
//
//	p.Begin(n, workers)
//	for more := true; more; more = p.More() {
//		... // run the items from p.Lo to p.Hi-1
//	}
//
// The pace of a single item would do for items that take long, but for those of
// some nanoseconds it is that of the clock. No step has more items than take 2 µs at
// the pace so far, nor more than three quarters of what is left, so that the rest
// finds other workers if it is slow; but behind fast ones, one or two are not worth a
// look at the clock.
type Probe struct {
	// N is the number of items, and Workers how many may run at once: 1 if none
	// other is ever to help, 0 for GOMAXPROCS, which is then filled in.
	N, Workers int
	// Lo and Hi are the range to run; in the end Lo is the first item that did not.
	Lo, Hi int
	// Chunk is how many of the items that are left should make a chunk.
	Chunk int

	began int64
}

// Begin begins a run of n items by at most so many workers.
func (p *Probe) Begin(n, workers int) {
	p.N, p.Workers = n, workers
	if n <= 1 || workers == 1 {
		p.Hi = n
		return
	}
	p.Hi = 1
	p.began = mono.Ticks()
}

// More moves on to the next range for this goroutine, and reports whether there is
// one. If not, either every item has run or what is left is worth other workers.
func (p *Probe) More() bool {
	step := probeGrowth * min(p.Hi-p.Lo, math.MaxInt/probeGrowth) // items of no size may be as many
	p.Lo = p.Hi
	left := p.N - p.Lo
	if left == 0 {
		return false
	}
	// Of less, so many times as much is less than probeTime.
	if spent := mono.Ticks() - p.began; spent > probeTime/probeGrowth {
		pace := float64(spent) / float64(p.Lo)
		if spent >= probeTime && pace*float64(left) > float64(spawnTime) {
			return !p.helped(pace)
		}
		if most := float64(probeTime) / pace; most < float64(step) { // then it fits an int
			step = max(int(most), 1)
		}
	}
	if p.Hi += min(step, left-left/4); p.N-p.Hi <= 2 {
		p.Hi = p.N
	}
	return true
}

// helped reports whether there can be a second worker, and what it needs to know. If
// there can be none, this goroutine is to run the rest.
func (p *Probe) helped(pace float64) bool {
	if p.Workers == 0 { // asked for late: it takes a lock of the scheduler
		p.Workers = runtime.GOMAXPROCS(0)
	}
	if p.Workers == 1 {
		p.Hi = p.N
		return false
	}
	p.Chunk = max(int(float64(chunkTime)/pace), 1)
	return true
}
