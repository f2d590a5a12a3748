package fanout

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
)

// record keeps what failed in one call or group.
//
// If the first error counts, that is the one with the lowest index among those
// that our own cancellation did not cause. It is noted before anybody is
// cancelled, so that an item that only heard of it never takes its place. An item
// that failed after the cancellation without saying so (a connection that was
// closed, say) may have failed by itself or not; so its error wraps the one that
// came before, and neither hides the other.
type record struct {
	first atomic.Pointer[ItemError]
	heard atomic.Bool // an item failed because the caller's context was done
	kept  *kept       // nil where the first error counts
}

// fail notes that item i failed with err, and cancels s because of it if the
// first error counts. No lock is held while errors.Is runs methods of users.
func (r *record) fail(s *scope, i int, err error) {
	if r.kept != nil {
		r.kept.add(&ItemError{i, err})
		return
	}
	// Without a first nobody has been cancelled by us.
	ours := r.first.Load() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(s)))
	switch {
	case ours:
	case fromCaller(s.parent, err):
		r.heard.Store(true)
	default:
		s.cancel(r.lower(&ItemError{i, err}))
	}
}

// lower makes item the first error unless there is one of a lower index, and
// returns the one that counts now.
func (r *record) lower(item *ItemError) *ItemError {
	for {
		e := item
		first := r.first.Load()
		switch {
		case first == nil:
		case first.Index <= e.Index:
			return first
		default:
			e = &ItemError{e.Index, &after{e.Err, first}}
		}
		if r.first.CompareAndSwap(first, e) {
			return e
		}
	}
}

// after is the error of an item that failed after another had.
type after struct {
	err   error
	first *ItemError
}

func (e *after) Error() string   { return e.err.Error() + " (after " + e.first.text() + ")" }
func (e *after) Unwrap() []error { return []error{e.err, e.first} }

// fromCaller reports whether err says no more than that the caller's context is
// done. A Timeout that passed before is no news of the caller's deadline, though it
// matches the same error.
func fromCaller(caller context.Context, err error) bool {
	done := caller.Err()
	if t, ok := errors.AsType[*timedOut](err); ok && done != nil {
		return context.Cause(caller) == error(t.limit) //nolint:errorlint // identity: that of an outer call
	}
	return done != nil && (errors.Is(err, done) || errors.Is(err, context.Cause(caller)))
}

// outcome is the error of a call that the context caller was given to; complete
// says that every item ran.
func (r *record) outcome(caller context.Context, complete bool) error {
	if first := r.first.Load(); first != nil {
		return first
	}
	var done error
	if !complete || r.heard.Load() {
		done = ctxerr.Of(caller)
	}
	if r.kept != nil {
		return r.kept.outcome(done)
	}
	return done
}

// kept are the failures of lowest index.
type kept struct {
	most int

	mu      sync.Mutex
	failed  failures // guarded by mu, like dropped
	dropped int
}

func (k *kept) add(e *ItemError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	heap.Push(&k.failed, e)
	if len(k.failed) > k.most {
		heap.Pop(&k.failed)
		k.dropped++
	}
}

// outcome returns a *BatchError, or done if nothing failed.
func (k *kept) outcome(done error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.failed) == 0 {
		return done
	}
	failed := slices.Clone(k.failed)
	slices.SortFunc(failed, func(a, b *ItemError) int { return a.Index - b.Index })
	return &BatchError{Failures: failed, Dropped: k.dropped, cause: done}
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
