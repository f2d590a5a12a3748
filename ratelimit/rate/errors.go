package rate

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/ratelimit"
)

// waitError has the text that programs know and the identity of the error inside.
type waitError struct {
	n, burst int
	err      error
}

// explain gives an error of the limiter the text of this package. That of a
// context stays as it is.
func explain(err error, n, burst int) error {
	if !rejection.Is(err) {
		return err
	}
	return &waitError{n, burst, err}
}

func (e *waitError) Error() string {
	if errors.Is(e.err, ratelimit.ErrExceedsBurst) {
		return fmt.Sprintf("rate: Wait(n=%d) exceeds limiter's burst %d", e.n, e.burst)
	}
	return fmt.Sprintf("rate: Wait(n=%d) would exceed context deadline", e.n)
}

func (e *waitError) Unwrap() error { return e.err }

// Rejected is true: the work was refused and never ran.
func (e *waitError) Rejected() bool { return true }

// RetryAfter is how long the wait would have been; 0 is unknown.
func (e *waitError) RetryAfter() time.Duration {
	after, _ := rejection.After(e.err)
	return after
}
