package pipeline

import (
	"errors"
	"fmt"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/slot"
)

var (
	// ErrNoResult is returned by Execute when no item came out.
	ErrNoResult = errors.New("pipeline: no item came out")

	// ErrManyResults is returned by Execute when more than one item came out.
	ErrManyResults = errors.New("pipeline: more than one item came out")

	// ErrTimeout is matched by the error of a stage whose Timeout passed, which
	// also matches context.DeadlineExceeded. A deadline of the caller's own
	// context is never reported as ours.
	ErrTimeout = errors.New("pipeline: stage timeout")

	// ErrTooMany is the error of an item of which a FlatMap with a Guard or a
	// Timeout makes more than 65536 results.
	ErrTooMany = errors.New("pipeline: more than 65536 results of one item in a stage with a Guard or Timeout")

	// ErrConsumed is yielded by a second range over the Results of one Run: each
	// result goes to one reader.
	ErrConsumed = errors.New("pipeline: the results of this run are already being read")

	// ErrGoexit is the error of a run that is not waited for on its caller's
	// stack, a Stream or a Run, in which a callback called runtime.Goexit.
	ErrGoexit = fault.ErrGoexit

	// ErrNotRun is the error of an item whose Guard returned nil although the
	// stage's function had not succeeded.
	ErrNotRun = slot.ErrNotRun
)

// PanicError is a panic in a callback: Collect and the other blocking calls
// panic with it on their caller, a Stream or a Run delivers it as the error.
type PanicError = fault.PanicError

// StageError is the error of one item at one stage.
type StageError struct {
	// Stage is the stage's Name or, without one, its kind and its number from 1:
	// "map 2".
	Stage string
	// Index counts the items that came to the stage, from 0.
	Index int64
	// Item is what came to the stage.
	Item any
	// Attempt is 1, and one more for each Retry that an OnError asked for.
	Attempt int
	// Err is what the stage's function, or its Guard, returned.
	Err error
}

// Error names the stage and the index; the item may be large or secret.
func (e *StageError) Error() string {
	return fmt.Sprintf("pipeline: stage %s, item %d: %v", e.Stage, e.Index, e.Err)
}

// Unwrap returns Err.
func (e *StageError) Unwrap() error { return e.Err }

// timeoutError is a context.DeadlineExceeded that our own Timeout caused.
type timeoutError struct{ err error }

func (e *timeoutError) Error() string   { return ErrTimeout.Error() + ": " + e.err.Error() }
func (e *timeoutError) Unwrap() []error { return []error{ErrTimeout, e.err} }
