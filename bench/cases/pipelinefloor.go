package cases

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// floorRing is the least that a bounded queue between two goroutines can be in which
// an item can be taken as soon as it is put: one atomic store an item, two sides that
// sleep when there is nothing to do, and room that is told back half a ring at a time.
// It cannot be stopped, knows no context and nothing of panics.
type floorRing struct {
	slots []int // a power of two

	_     [128]byte
	put   atomic.Int64
	room  int64 // put at which it is full, as the producer last saw it
	ended atomic.Bool

	_     [128]byte
	taken atomic.Int64

	_         [128]byte
	noItems   atomic.Bool // the consumer sleeps
	noRoom    atomic.Bool // the producer sleeps
	wakeItems chan struct{}
	wakeRoom  chan struct{}
}

func newFloorRing(size int) *floorRing {
	return &floorRing{
		slots: make([]int, size), room: int64(size),
		wakeItems: make(chan struct{}, 1), wakeRoom: make(chan struct{}, 1),
	}
}

func (r *floorRing) push(v int) {
	at := r.put.Load()
	if at == r.room {
		r.awaitRoom(at)
	}
	r.slots[at&int64(len(r.slots)-1)] = v
	r.put.Store(at + 1)
	wakeUp(&r.noItems, r.wakeItems)
}

func (r *floorRing) awaitRoom(at int64) {
	find := func() bool {
		r.room = r.taken.Load() + int64(len(r.slots))
		return r.room != at
	}
	for !find() {
		if runtime.Gosched(); find() {
			return
		}
		sleepUnless(&r.noRoom, r.wakeRoom, find)
	}
}

func (r *floorRing) close() {
	r.ended.Store(true)
	wakeUp(&r.noItems, r.wakeItems)
}

// each calls f with every item.
func (r *floorRing) each(f func(int)) {
	mask, half := int64(len(r.slots)-1), int64(len(r.slots)/2)
	at := int64(0)
	find := func() bool { return r.put.Load() != at }
	for given := at; ; {
		ended := r.ended.Load()
		ready := r.put.Load()
		if ready == at {
			if ended {
				return
			}
			if runtime.Gosched(); !find() {
				sleepUnless(&r.noItems, r.wakeItems, func() bool { return find() || r.ended.Load() })
			}
			continue
		}
		for ; at != ready; at++ {
			f(r.slots[at&mask])
			if at+1-given == half {
				given = at + 1
				r.taken.Store(given)
				wakeUp(&r.noRoom, r.wakeRoom)
			}
		}
	}
}

func sleepUnless(asleep *atomic.Bool, wake <-chan struct{}, ready func() bool) {
	asleep.Store(true)
	if ready() && asleep.CompareAndSwap(true, false) {
		return
	}
	<-wake
}

func wakeUp(asleep *atomic.Bool, wake chan<- struct{}) {
	if asleep.Load() && asleep.CompareAndSwap(true, false) {
		wake <- struct{}{}
	}
}

// floorSum takes in through three stages, with a goroutine for the source and for
// each of them.
func floorSum(in []int, size int) int {
	var running sync.WaitGroup
	stage := func(from *floorRing) *floorRing {
		to := newFloorRing(size)
		running.Go(func() {
			defer to.close()
			from.each(func(v int) { to.push(plusOne(v)) })
		})
		return to
	}
	src := newFloorRing(size)
	running.Go(func() {
		defer src.close()
		for _, v := range in {
			src.push(v)
		}
	})
	sum := 0
	stage(stage(stage(src))).each(func(v int) { sum += v })
	running.Wait()
	return sum
}
