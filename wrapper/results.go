package wrapper

import "sync"

// results is where the runs that a foreign layer makes put what they return. The
// layer may make several, at once or one after the other, and go on after it has
// returned; it says nil, and which run does that stand for?
//
// Of runs one after the other, the last that succeeded: it was made because the
// earlier result was not wanted. Of runs at the same time, the first: that is
// the one that a hedge takes. Both follow from one rule: a run replaces the
// result that it saw when it began, and no other. What loses is discarded.
type results[T any] struct {
	discard func(T) // may be nil

	mu     sync.Mutex
	value  T
	serial int  // of value; 0: there is none
	over   bool // the layer has returned
}

// begin returns the serial of the result that a new run may replace. It reports
// false if the layer has returned: what it stood for has ended, and must not run.
func (r *results[T]) begin() (seen int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.serial, !r.over
}

// succeeded takes the result of a run that began when the serial was seen.
func (r *results[T]) succeeded(v T, seen int) {
	r.mu.Lock()
	lost, some := v, true
	if !r.over && r.serial == seen {
		lost, some = r.value, seen > 0
		r.value = v
		r.serial++
	}
	r.mu.Unlock()
	if some && r.discard != nil {
		r.discard(lost)
	}
}

// end returns the result that stands, if there is one and wanted says so. What
// comes later is discarded.
func (r *results[T]) end(wanted bool) (v T, ok bool) {
	r.mu.Lock()
	r.over = true
	v, ok = r.value, r.serial > 0
	r.mu.Unlock()
	if ok && !wanted {
		if r.discard != nil {
			r.discard(v)
		}
		var zero T
		return zero, false
	}
	return v, ok
}
