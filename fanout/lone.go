package fanout

import (
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// lone is a mapping on the goroutine that called it, as long as no other worker
// would pay. It stays on the stack: on some small items one more allocation costs a
// tenth of the call. Its scope does not, for callbacks may keep it.
type lone[T, R any] struct {
	mapping[T, R]
	scope *scope
	kept  *kept // nil where the first error counts
	probe stream.Probe

	stopped bool
	err     error // of the call
	fault   *fault.Fault
}

// run runs items, until all have run, one stops the call, or others are to help.
func (l *lone[T, R]) run() {
	for more := true; more && !l.stopped; more = l.probe.More() {
		l.stopped = !l.some(l.probe.Lo, l.probe.Hi)
	}
	if l.err == nil && (l.stopped || l.kept != nil) && !l.helped() {
		l.err = l.outcome()
	}
}

// some runs the items from lo to hi-1, and reports whether the call goes on.
func (l *lone[T, R]) some(lo, hi int) bool {
	for {
		var n int
		var err error
		if l.scope.forever { // nobody could stop it, and to look costs a third of a small item
			n, err = l.plain(l.scope, lo, hi)
		} else {
			var never atomic.Uint32
			n, err = l.watched(l.scope.parent, l.scope, lo, hi, &never, stream.Stop)
		}
		switch {
		case err == nil:
			return n == hi
		case l.kept == nil:
			l.err = l.failed(n, err)
			return false
		}
		l.kept.add(&ItemError{n, err})
		lo = n + 1
	}
}

// helped reports whether others are to run what is left.
func (l *lone[T, R]) helped() bool { return !l.stopped && l.probe.Lo < len(l.items) }

// failed returns the error of the call that item i ends with err.
func (l *lone[T, R]) failed(i int, err error) error {
	r := &record{}
	r.fail(l.scope, i, err)
	return r.outcome(l.scope.parent, false)
}

// outcome returns the error of a call that did not end with that of an item.
func (l *lone[T, R]) outcome() error {
	r := &record{kept: l.kept}
	return r.outcome(l.scope.parent, !l.stopped)
}

// ended ends the scope, unless others are to go on.
func (l *lone[T, R]) ended(f *fault.Fault) {
	if f != nil {
		l.fault = f
		l.scope.cancel(f.Err())
	} else if l.helped() {
		return
	}
	l.scope.end()
}

// team returns the run by which several workers do what is left of the call.
func (l *lone[T, R]) team() *team[T, R] {
	t := &team[T, R]{mapping: l.mapping}
	t.scope, t.record.kept = l.scope, l.kept
	return t
}
