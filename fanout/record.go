package fanout

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/weirkit/weir/internal/ctxerr"
)

// record keeps what failed in one call or group.
//
// If the first error counts, that is the one with the lowest index among those
// that our own cancellation did not cause. It is noted before anybody is
// cancelled, so that an item that only heard of it never takes its place.
type record struct {
	parent context.Context // the caller's
	keep   int             // failures to collect; 0: the first error counts

	mu      sync.Mutex
	first   *ItemError // guarded by mu, like the rest
	failed  failures
	dropped int
	heard   bool // an item failed because the caller's context was done
}

// add notes that item i failed. Where the first error counts it returns the one
// that does so far, nil if that is none because the caller's context is why.
func (r *record) add(i int, err error) *ItemError {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keep > 0 {
		r.collectLocked(&ItemError{i, err})
		return nil
	}
	switch {
	case r.first != nil && (errors.Is(err, context.Canceled) || errors.Is(err, r.first)):
		// Our own cancellation: that of the first, which it carries as its cause.
	case r.fromCaller(err):
		r.heard = true
	case r.first == nil || i < r.first.Index:
		r.first = &ItemError{i, err}
	}
	return r.first
}

// fromCaller reports whether err says no more than that the caller's context is
// done.
func (r *record) fromCaller(err error) bool {
	done := r.parent.Err()
	return done != nil && (errors.Is(err, done) || errors.Is(err, context.Cause(r.parent)))
}

func (r *record) collectLocked(e *ItemError) {
	heap.Push(&r.failed, e)
	if len(r.failed) > r.keep {
		heap.Pop(&r.failed)
		r.dropped++
	}
}

// outcome is the error of the call; complete says that every item ran.
func (r *record) outcome(complete bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first != nil {
		return r.first
	}
	var done error
	if !complete || r.heard {
		done = ctxerr.Of(r.parent)
	}
	if len(r.failed) == 0 {
		return done
	}
	slices.SortFunc(r.failed, func(a, b *ItemError) int { return a.Index - b.Index })
	return &BatchError{Failures: r.failed, Dropped: r.dropped, cause: done}
}

// failures is a heap with the highest index on top: the first to be dropped.
type failures []*ItemError

func (f failures) Len() int           { return len(f) }
func (f failures) Less(i, j int) bool { return f[i].Index > f[j].Index }
func (f failures) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *failures) Push(e any)        { *f = append(*f, e.(*ItemError)) } //nolint:errcheck // the heap's own elements
func (f *failures) Pop() any {
	last := len(*f) - 1
	e := (*f)[last]
	(*f)[last] = nil
	*f = (*f)[:last]
	return e
}

// allFromCaller reports whether the caller's context is why everything failed.
func (r *record) allFromCaller(batch *BatchError) bool {
	for _, f := range batch.Failures {
		if !r.fromCaller(f.Err) {
			return false
		}
	}
	return true
}
