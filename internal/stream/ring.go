package stream

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// MaxRing is the largest size of a [Ring].
const MaxRing = 1 << 30

// Ring is a bounded queue from one goroutine, the producer, to another, the
// consumer. Make it with [NewRing]; it must not be copied.
//
// An item can be taken as soon as it is pushed: nothing is collected into
// chunks, so none is stuck behind a source that blocks. Room is told back an
// eighth of the ring at a time: a producer that found the ring full goes on once
// that much of it is free, which costs one hand-over between goroutines for many
// items instead of one for each. It is not more than an eighth because a producer
// that sleeps takes a while to wake, in which the consumer lives on what is left.
//
// Push and Close are the producer's, Next and TryNext the consumer's; each side
// may pass its role to another goroutine if that is synchronized. Stop is
// everybody's.
//
// Memory: a Push synchronizes before the return of the Next that takes its item,
// and Close before the Next that returns false because of it. A slot is cleared
// when its item is taken.
//
// Cost: a push is one atomic store, a take a plain one (and an atomic one each eighth
// of the ring), and neither allocates. A side that must wait gives its processor away once
// before it sleeps. From some 16 slots on an item costs a third of a channel's or
// less; a ring of one slot hands over at each item and costs more than a channel.
type Ring[T any] struct {
	buf  []T // a power of two of slots
	mask uint64
	size uint64
	part uint64 // how many slots are given back at a time

	stopped atomic.Bool // read by both sides on each item, written once
	closed  atomic.Bool

	_ [128]byte // processors prefetch lines in pairs

	// Written when a side sleeps. The producer reads items on each push, so it
	// must not lie beside what the consumer writes on each take.
	room  gate // where the producer sleeps
	items gate // where the consumer sleeps

	_ [128]byte

	// The producer's.
	tail   atomic.Uint64 // how many were pushed
	pushed uint64        // tail, without an atomic read
	full   uint64        // pushed at which the ring is full, as the producer last saw head

	_ [128]byte

	// The consumer's.
	head  atomic.Uint64 // how many slots were given back
	taken uint64        // how many items were taken: head <= taken < head+part
	ready uint64        // tail, as the consumer last saw it
}

// NewRing returns an empty ring for size items. It panics if size is not
// between 1 and [MaxRing].
func NewRing[T any](size int) *Ring[T] {
	if size < 1 || size > MaxRing {
		panic(fmt.Sprintf("stream: ring size must be between 1 and %d, got %d", MaxRing, size))
	}
	slots := 1
	for slots < size {
		slots *= 2
	}
	n := uint64(size)
	return &Ring[T]{
		buf:  make([]T, slots),
		mask: uint64(slots - 1), // #nosec G115 -- slots is at least 1
		size: n,
		part: (n + 7) / 8,
		full: n,
	}
}

// Push appends v, waiting while the ring is full. It returns false, and drops
// v, once the ring has been stopped.
func (r *Ring[T]) Push(v T) bool { return r.PushUntil(v, nil) }

// PushUntil is [Ring.Push] that also returns false, and drops v, when it would
// have to wait and done is closed. A nil done never is.
func (r *Ring[T]) PushUntil(v T, done <-chan struct{}) bool {
	if r.stopped.Load() || r.pushed == r.full && !r.awaitRoom(done) {
		return false
	}
	r.buf[r.pushed&r.mask] = v
	r.pushed++
	r.tail.Store(r.pushed)
	r.items.wake()
	return true
}

// awaitRoom waits for a free slot. It returns false once the ring is stopped or
// done is closed.
func (r *Ring[T]) awaitRoom(done <-chan struct{}) bool {
	for yielded := false; ; {
		switch {
		case r.stopped.Load():
			return false
		case r.findRoom():
			return true
		case !yielded:
			yielded = true
			runtime.Gosched() // the consumer may be about to make room: cheaper than to sleep
			continue
		case isDone(done):
			return false
		}
		r.room.sleepUnless(func() bool { return r.findRoom() || r.stopped.Load() }, done, nil)
	}
}

func (r *Ring[T]) findRoom() bool {
	r.full = r.head.Load() + r.size
	return r.pushed != r.full
}

// Close says that nothing more is pushed. What is in the ring is still
// delivered. It is idempotent.
func (r *Ring[T]) Close() {
	r.closed.Store(true)
	r.items.wake()
}

// Stop ends the ring for both sides, now: Push and Next return false from here
// on, whoever sleeps wakes, and what is in the ring is dropped. It is idempotent
// and safe from any goroutine.
func (r *Ring[T]) Stop() {
	r.stopped.Store(true)
	r.items.wake()
	r.room.wake()
}

// Stopped reports whether Stop was called.
func (r *Ring[T]) Stopped() bool { return r.stopped.Load() }

// Next takes the oldest item, waiting while there is none. It returns false
// once the ring has been stopped, or closed and emptied.
func (r *Ring[T]) Next() (T, bool) { return r.NextUntil(nil, nil) }

// NextUntil is [Ring.Next] that also returns false, without an item, when it
// would have to wait and one of two channels is closed. A nil channel never is.
func (r *Ring[T]) NextUntil(done, also <-chan struct{}) (v T, ok bool) {
	if r.stopped.Load() || r.taken == r.ready && !r.await(done, also) {
		return v, false
	}
	var zero T
	slot := &r.buf[r.taken&r.mask]
	v = *slot
	*slot = zero // the ring must not keep alive what is no longer in it
	r.taken++
	if r.taken-r.head.Load() >= r.part {
		r.free()
	}
	return v, true
}

// TryNext takes the oldest item if there is one. It never waits.
func (r *Ring[T]) TryNext() (v T, ok bool) {
	if r.taken == r.ready && !r.find() {
		return v, false
	}
	return r.Next()
}

// free gives the slots of what was taken back to the producer.
func (r *Ring[T]) free() {
	r.head.Store(r.taken)
	r.room.wake()
}

// find looks for items that were pushed since the consumer last looked.
func (r *Ring[T]) find() bool {
	r.ready = r.tail.Load()
	return r.taken != r.ready
}

// Drained reports whether the ring is closed and all that was in it was taken.
// It is the consumer's.
func (r *Ring[T]) Drained() bool { return r.closed.Load() && !r.find() }

// await waits for an item. It returns false once the ring is stopped, or closed
// and empty, or one of the channels is closed.
func (r *Ring[T]) await(done, also <-chan struct{}) bool {
	for yielded := false; ; {
		closed := r.closed.Load() // before find: the last push comes before Close
		switch {
		case r.stopped.Load():
			return false
		case r.find():
			return true
		case closed:
			return false
		case !yielded:
			yielded = true
			runtime.Gosched()
			continue
		case isDone(done) || isDone(also):
			return false
		}
		r.items.sleepUnless(func() bool { return r.find() || r.closed.Load() || r.stopped.Load() }, done, also)
	}
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
