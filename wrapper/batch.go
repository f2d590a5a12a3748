package wrapper

import (
	"fmt"
	"strings"
)

// Failure is one item of a batch that failed.
type Failure struct {
	// Index is the item's place in the input.
	Index int
	// Err is why.
	Err error
}

// BatchError is returned by Process when items failed. errors.Is and errors.As
// look into every failure that it keeps.
type BatchError struct {
	// Failures are the failed items, by index.
	Failures []Failure
	// Total is the number of items in the batch.
	Total int
	// Dropped is how many more failures there were than KeepFailures allowed.
	Dropped int
	// Skipped is how many items never ran, because the context ended or, with
	// StopOnError, because another had failed. Those that StopOnError cut off while
	// they ran are among them; those that the end of the context cut off, while they
	// ran or waited for a permit, are failures.
	Skipped int

	cause error // of the context, if it ended
}

// Error counts the failures and gives the first few. If the context ended, it
// says why.
func (e *BatchError) Error() string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "wrapper: %d of %d items failed", len(e.Failures)+e.Dropped, e.Total)
	for i, f := range e.Failures[:min(shown, len(e.Failures))] {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%sitem %d: %v", sep, f.Index, f.Err)
	}
	if more := len(e.Failures) + e.Dropped - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	if e.Skipped > 0 {
		fmt.Fprintf(&b, "; %d did not run to the end", e.Skipped)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

// Unwrap returns the error of each failure kept, and that of the context if it
// ended.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failures)+1)
	for _, f := range e.Failures {
		errs = append(errs, f.Err)
	}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}
