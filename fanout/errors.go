package fanout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/slot"
)

// ErrSkipped is matched by the error of a task of a [Group] that never began,
// because the group had stopped before. The error matches what stopped the group
// too.
var ErrSkipped = errors.New("fanout: skipped: the group had stopped")

// ErrTimeout is matched by the error of an item or task that did not end within
// [Timeout]. It matches context.DeadlineExceeded too. A deadline that the
// caller's own context brought is never reported as ErrTimeout.
var ErrTimeout = errors.New("fanout: the item timed out")

// ErrEmpty is returned by [First], [Race] and [Reduce] when they are given nothing,
// and so no result.
var ErrEmpty = errors.New("fanout: nothing given, and so no result")

// ErrGoexit is the error of a task that ended with runtime.Goexit where the
// waiter cannot be ended the same way: in a [Stream] and in a [Future].
var ErrGoexit = fault.ErrGoexit

// ErrNotRun is returned when a layer of [Guard] reported success although no run
// of the callback had succeeded.
var ErrNotRun = slot.ErrNotRun

// PanicError is a panic of a callback, with its value and the stack of the
// goroutine where it happened. A blocking call panics with it; a stream or a
// future returns it.
type PanicError = fault.PanicError

// limit is a Timeout, and the cause for which the contexts of its items end.
type limit struct{ after time.Duration }

func (l *limit) Error() string { return fmt.Sprintf("fanout: the item timed out after %v", l.after) }
func (l *limit) Timeout() bool { return true }
func (l *limit) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// timedOut is what a callback returned after its limit had passed.
type timedOut struct {
	limit *limit
	err   error
}

func (e *timedOut) Error() string   { return e.limit.Error() + ": " + e.err.Error() }
func (e *timedOut) Unwrap() []error { return []error{e.limit, e.err} }

// skipped is the error of a task that never began.
type skipped struct{ cause error }

func (e *skipped) Error() string   { return ErrSkipped.Error() + ": " + e.cause.Error() }
func (e *skipped) Unwrap() []error { return []error{ErrSkipped, e.cause} }

// ItemError is the error of one item, of one function of [All], or of one task.
type ItemError struct {
	// Index is the item's place in the input, counted from 0. In a [Group] it is
	// the number of calls of Go before; an entry of a map has -1 and a [KeyError].
	Index int
	// Err is what the callback returned. If it returned that after another item had
	// failed, and so perhaps because of it, Err wraps both errors.
	Err error
}

// Error names the item.
func (e *ItemError) Error() string { return "fanout: " + e.text() }

func (e *ItemError) text() string {
	if e.Index < 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("item %d: %v", e.Index, e.Err)
}

// Unwrap returns Err.
func (e *ItemError) Unwrap() error { return e.Err }

// BatchError is every failure of a call that goes on when items fail: with
// [CollectErrors], and of [First].
type BatchError struct {
	// Failures are those with the lowest indices, in this order, as many as
	// [KeepFailures] allows.
	Failures []*ItemError
	// Dropped counts the failures that were not kept.
	Dropped int

	cause error // of the context, if it ended the call
}

// shown is how many failures the message spells out.
const shown = 3

// Error counts the failures and gives the first few.
func (e *BatchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fanout: %d failed", len(e.Failures)+e.Dropped)
	if e.cause != nil {
		fmt.Fprintf(&b, ", and the rest did not run: %v", e.cause)
	}
	for _, f := range e.Failures[:min(len(e.Failures), shown)] {
		b.WriteString("; " + f.text())
	}
	if more := len(e.Failures) + e.Dropped - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap returns the failures and, if the context ended the call, its error.
func (e *BatchError) Unwrap() []error {
	out := make([]error, 0, len(e.Failures)+1)
	for _, f := range e.Failures {
		out = append(out, f)
	}
	if e.cause != nil {
		out = append(out, e.cause)
	}
	return out
}
