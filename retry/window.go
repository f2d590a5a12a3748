package retry

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// seconds is how long a budget remembers, the current second included.
const seconds = 10

// window counts calls by the second. It is spread over cells, as every call of
// every policy with the budget writes to it.
type window struct {
	cells []cell
	mask  uint32 // number of cells - 1
}

// cell is a part of the counts, alone on two cache lines. A word holds the low
// half of the second that it counts, and the count.
type cell struct {
	words [seconds]atomic.Uint64
	_     [256 - 8*seconds]byte
}

// newWindow makes a power of two of cells, one for each processor at least.
func newWindow() window {
	procs, n := uint32(min(runtime.GOMAXPROCS(0), 64)), uint32(1) // #nosec G115 -- 1 to 64
	for n < procs {
		n *= 2
	}
	return window{cells: make([]cell, n), mask: n - 1}
}

// overtaken is how many seconds a goroutine may sleep between its reading of the
// clock and its writing, for its call to count all the same.
const overtaken = 3600

// add counts a call in second now. A word that counts a later second got it
// from a goroutine that overtook this one, and the call counts there.
func (w *window) add(now int64) {
	word := &w.cells[rand.Uint32()&w.mask].words[index(now)] // #nosec G404 -- spreads load, guards nothing
	for {
		v := word.Load()
		if ahead := -age(now, v); v != 0 && ahead >= 0 && ahead < overtaken {
			word.Add(1)
			return
		}
		if word.CompareAndSwap(v, uint64(uint32(now))<<32|1) { // #nosec G115 -- the low half is meant
			return
		}
	}
}

// sum returns the calls in second now and the nine before.
func (w *window) sum(now int64) uint64 {
	n := uint64(0)
	for i := range w.cells {
		for j := range w.cells[i].words {
			if v := w.cells[i].words[j].Load(); recent(age(now, v)) {
				n += v & math.MaxUint32
			}
		}
	}
	return n
}

// second returns the second in which ns lies, rounded down: ns is negative in a
// synctest bubble if the budget was made outside.
func second(ns int64) int64 {
	s := ns / int64(time.Second)
	if ns%int64(time.Second) < 0 {
		s--
	}
	return s
}

// index returns the place of a second in a ring of them.
func index(second int64) int64 { return (second%seconds + seconds) % seconds }

// recent reports whether what is age seconds old lies in the window. A negative
// age is from another clock: a budget that was used outside a synctest bubble
// and then inside. So is a large one; both are forgotten.
func recent(age int64) bool { return age >= 0 && age < seconds }

// age returns how many seconds before now the word v counts. The low halves
// tell within 68 years.
func age(now int64, v uint64) int64 {
	return int64(int32(uint32(now) - uint32(v>>32))) // #nosec G115 -- a difference modulo 2^32 is meant
}
