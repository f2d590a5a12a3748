package stream

import (
	"context"
	"runtime"
)

// Each calls f with each item, waiting while there is none, until f returns false,
// which it returns. It returns true once the ring has been stopped, or closed and
// emptied, or when ctx is done, which is asked before each item.
//
// It is Next in a loop for less: what is said about one item at a time there is said
// once for all that are there, also that the ring has been stopped. Who stops it
// while f may run has to tell f. If f panics or exits, the ring must be stopped: it
// does not know how many items it had taken.
func (r *Ring[T]) Each(ctx context.Context, f func(T) bool) bool {
	done := ctx.Done()
	if done == nil {
		ctx = nil // need not be asked
	}
	for r.taken != r.ready || r.await(done) {
		if r.taken == r.from.end {
			r.from.turn()
		}
		if end, more := r.each(ctx, min(r.ready, r.from.end), f); end {
			return more
		}
	}
	return true
}

// each is Each for the items up to end, which are in one piece. It reports whether
// there was a reason to end before.
func (r *Ring[T]) each(ctx context.Context, end uint64, f func(T) bool) (ended, more bool) {
	var zero T
	taken, give := r.taken, r.head.Load()+r.part
	some := r.from.items[taken-r.from.begin : end-r.from.begin]
	for i := range some {
		if ctx != nil && ctx.Err() != nil {
			r.taken = taken
			return true, true
		}
		v := some[i]
		some[i] = zero // the ring must not keep alive what is no longer in it
		if taken++; taken == give {
			r.taken = taken
			r.free() // before f, which may take its time
			give += r.part
		}
		if !f(v) {
			r.taken = taken
			return true, false
		}
	}
	r.taken = taken
	return false, true
}

// Next takes the oldest item, waiting while there is none. It returns false
// once the ring has been stopped, or closed and emptied.
func (r *Ring[T]) Next() (T, bool) { return r.NextUntil(nil) }

// NextUntil is [Ring.Next] that also returns false, without an item, when it
// would have to wait and done is closed. A nil done never is.
func (r *Ring[T]) NextUntil(done <-chan struct{}) (v T, ok bool) {
	if r.Stopped() || r.taken == r.ready && !r.await(done) {
		return v, false
	}
	if r.taken == r.from.end {
		r.from.turn()
	}
	var zero T
	slot := &r.from.items[r.taken-r.from.begin]
	v = *slot
	*slot = zero
	r.taken++
	if r.taken-r.head.Load() >= r.part {
		r.free()
	}
	return v, true
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
// and empty, or done is closed.
func (r *Ring[T]) await(done <-chan struct{}) bool {
	for yielded := false; ; {
		closed := r.closed.Load() // before find: the last push comes before Close
		switch {
		case r.Stopped():
			return false
		case r.find():
			return true
		case closed:
			return false
		case !yielded:
			yielded = true
			runtime.Gosched()
			continue
		case isDone(done):
			return false
		}
		r.items.sleepUnless(func() bool { return r.find() || r.closed.Load() || r.Stopped() }, done)
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
