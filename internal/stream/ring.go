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
// Push and Close are the producer's, Each and Next the consumer's; each
// side may pass its role to another goroutine if that is synchronized. Stop is
// everybody's.
//
// Memory: a Push synchronizes before the return of the Next that takes its item,
// and Close before the Next that returns false because of it. A slot is cleared
// when its item is taken. Slots are made as they are first reached, so a short
// input does not pay for a large ring.
//
// Cost: a push is one atomic store, a take a plain one (and an atomic one each eighth
// of the ring), and neither allocates but on the first lap. A side that must wait
// gives its processor away once before it sleeps. From some 16 slots on an item costs
// a third of a channel's or less; a ring of one slot hands over at each item and
// costs more than a channel.
type Ring[T any] struct {
	size  uint64
	part  uint64 // how many slots are given back at a time
	first slots[T]

	closed atomic.Bool

	_ [128]byte // processors prefetch lines in pairs

	// Written when a side sleeps, and when the ring is stopped. The producer reads
	// items on each push, so it must not lie beside what the consumer writes on each
	// take.
	room  gate // where the producer sleeps
	items gate // where the consumer sleeps

	_ [128]byte

	// The producer's.
	tail   atomic.Uint64 // how many were pushed
	pushed uint64        // tail, without an atomic read
	limit  uint64        // pushed at which the ring is full or the slots at hand end
	full   uint64        // pushed at which the ring is full, as the producer last saw head
	into   side[T]
	done   <-chan struct{} // ends a wait for room; nil never does

	_ [128]byte

	// The producer reads it each time that it finds the ring full, and would take
	// what the consumer writes on each take with it.
	head atomic.Uint64 // how many slots were given back

	_ [128]byte

	// The consumer's.
	taken uint64 // how many items were taken: head <= taken < head+part
	ready uint64 // tail, as the consumer last saw it
	from  side[T]
}

// NewRing returns an empty ring for size items. It panics if size is not
// between 1 and [MaxRing].
func NewRing[T any](size int) *Ring[T] {
	if size < 1 || size > MaxRing {
		panic(fmt.Sprintf("stream: ring size must be between 1 and %d, got %d", MaxRing, size))
	}
	n := uint64(size)
	r := &Ring[T]{size: n, part: (n + 7) / 8, full: n}
	r.into.next, r.from.next = &r.first, &r.first
	return r
}

// Push appends v, waiting while the ring is full. It returns false, and drops
// v, if the ring has been stopped before; see also [Ring.Until].
func (r *Ring[T]) Push(v T) bool {
	at := r.pushed
	// Asked before, although the load behind the store would tell it, too: what a
	// consumer took before it stopped the ring was pushed.
	if r.items.stopped() || at == r.limit && !r.advance() {
		return false
	}
	r.into.items[at-r.into.begin] = v
	r.pushed = at + 1
	r.tail.Store(at + 1)
	r.items.wake()
	return true
}

// Until makes a Push that would have to wait return false, and drop its item, also
// when done is closed. It is called before the first Push.
func (r *Ring[T]) Until(done <-chan struct{}) { r.done = done }

// advance finds a slot for the next item. It returns false once the ring is stopped
// or done is closed.
func (r *Ring[T]) advance() bool {
	if r.pushed == r.full && !r.awaitRoom() {
		return false
	}
	if r.pushed == r.into.end {
		if r.into.next.items == nil { // the first lap
			r.into.next.make(len(r.into.items), r.size-r.pushed, &r.first)
		}
		r.into.turn()
	}
	r.limit = min(r.full, r.into.end)
	return true
}

// awaitRoom waits for a free slot. It returns false once the ring is stopped or
// done is closed.
func (r *Ring[T]) awaitRoom() bool {
	for yielded := false; ; {
		switch {
		case r.Stopped():
			return false
		case r.findRoom():
			return true
		case !yielded:
			yielded = true
			runtime.Gosched() // the consumer may be about to make room: cheaper than to sleep
			continue
		case isDone(r.done):
			return false
		}
		r.room.sleepUnless(func() bool { return r.findRoom() || r.Stopped() }, r.done)
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
	r.items.stop()
	r.room.wake()
}

// Stopped reports whether Stop was called.
func (r *Ring[T]) Stopped() bool { return r.items.stopped() }
