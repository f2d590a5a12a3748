package stream

import "sync"

// lanes puts the items of one key behind each other.
type lanes[In, Out any] interface {
	// enter puts s, whose item is set, into its lane. The feeder calls it in the
	// order of the input, before it publishes s.
	enter(s *slot[In, Out])
	// take is called by the worker that claimed s, and reports whether it is to
	// run s now. If not, whoever runs the item before it will.
	take(s *slot[In, Out]) bool
	// leave is called by the worker that has run an item of the lane, which is
	// what its slot had for one. If the next item was claimed it is returned, and
	// is to be run by this worker.
	leave(lane any) *slot[In, Out]
}

// ByKey makes p run the items of one key one after the other, in the order of the
// input, and those of different keys at once. It is called before Run. A worker
// that claims an item whose turn has not come goes on to the next: whoever runs
// the item before it will run it. So workers never wait for each other, and a lane
// is kept only while an item of it is in the window. key is called on the
// goroutine of the source; if it panics, the source did.
//
// A worker that is one too many leaves when it has no item of its lane left.
func ByKey[K comparable, In, Out any](p *Parallel[In, Out], key func(In) K) {
	p.lanes = &keys[K, In, Out]{key: key, lanes: map[K]*lane[K, In, Out]{}}
}

// keys is the lanes of a [Parallel] that has keys of type K.
type keys[K comparable, In, Out any] struct {
	key func(In) K

	mu    sync.Mutex
	lanes map[K]*lane[K, In, Out] // those with an item that has not ended
	free  *lane[K, In, Out]       // for the next key: at most as many as the window has places
}

// lane is the items of one key that have not begun.
type lane[K comparable, In, Out any] struct {
	key         K
	first, last *slot[In, Out]
	running     bool              // an item of the key is being worked on
	next        *lane[K, In, Out] // in free
}

// keyed is what a slot has for its lane.
type keyed[In, Out any] struct {
	lane    any
	claimed bool
	after   *slot[In, Out] // the next of its lane
}

func (k *keys[K, In, Out]) enter(s *slot[In, Out]) {
	key := k.key(s.in) // a user's function: not under the lock
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.lanes[key]
	if l == nil {
		l = k.newLocked(key)
	}
	if s.key == nil { // it stays with the slot
		s.key = &keyed[In, Out]{}
	}
	s.key.lane, s.key.claimed, s.key.after = l, false, nil
	if l.first == nil {
		l.first = s
	} else {
		l.last.key.after = s
	}
	l.last = s
}

func (k *keys[K, In, Out]) newLocked(key K) *lane[K, In, Out] {
	l := k.free
	if l == nil {
		l = &lane[K, In, Out]{}
	} else {
		k.free = l.next
	}
	l.key, l.next = key, nil
	if key == key { // not so for a NaN: no map finds it again, so each is a key of its own
		k.lanes[key] = l
	}
	return l
}

func (k *keys[K, In, Out]) take(s *slot[In, Out]) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.key.claimed = true
	l := s.key.lane.(*lane[K, In, Out]) //nolint:errcheck // enter put it there
	if l.running || l.first != s {
		return false
	}
	l.beginLocked()
	return true
}

func (k *keys[K, In, Out]) leave(of any) *slot[In, Out] {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := of.(*lane[K, In, Out]) //nolint:errcheck // enter made it
	l.running = false
	s := l.first
	switch {
	case s == nil:
		var none K
		delete(k.lanes, l.key)
		l.key, l.next, k.free = none, k.free, l
	case s.key.claimed:
		l.beginLocked()
		return s
	}
	return nil
}

// beginLocked takes the first item out of the lane, to be run.
func (l *lane[K, In, Out]) beginLocked() {
	l.running = true
	l.first = l.first.key.after
}

// follow runs s, if it is its turn, and then what is claimed of its lane.
func (w *worker[In, Out]) follow(s *slot[In, Out]) {
	p := w.p
	if !p.lanes.take(s) {
		return
	}
	for s != nil {
		if s.index >= p.limit.Load() || p.ctx.Err() != nil {
			return // nothing more is started, of this lane either
		}
		of := s.key.lane // before it is done: then the slot is not ours any more
		w.run(s)
		s = p.lanes.leave(of)
	}
}
