package generator

import (
	"errors"

	"github.com/weirkit/weir/internal/fault"
)

// ErrAborted is returned by Err when a panic or a runtime.Goexit of the producer
// passed through the caller whose stack it ran on: of Next, a loop, Collect or
// Close. What was handed out before is valid, and incomplete.
var ErrAborted = errors.New("generator: the producer panicked or called runtime.Goexit")

// ErrGoexit is returned by Err when a producer that runs on a goroutine of its
// own, see [Buffer], ended it with runtime.Goexit.
var ErrGoexit = fault.ErrGoexit

// PanicError is returned by Err when a producer that runs on a goroutine of its
// own, see [Buffer], panicked. It has the value and the stack.
type PanicError = fault.PanicError
