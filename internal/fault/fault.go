// Package fault carries a panic or a runtime.Goexit of user code from the
// goroutine where it happened to the one that waits for it.
//
// A goroutine of ours that runs user code does it through [Catch]; the one that
// waits calls [Fault.Raise] (a blocking call) or [Fault.Err] (a stream or a
// future). Code that runs fn on its caller's goroutine needs neither: it lets
// both pass, and sees them with a completed flag in a defer.
package fault

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// ErrGoexit is the error of a task that ended with runtime.Goexit where the
// waiter cannot be ended the same way.
var ErrGoexit = errors.New("weir: the callback called runtime.Goexit")

// PanicError is a panic of user code that reached the waiting goroutine.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is the stack of the goroutine that panicked, as debug.Stack prints it.
	Stack []byte
}

// Error gives the value and the stack, so that a crash report shows where the
// panic began.
func (p *PanicError) Error() string {
	return fmt.Sprintf("panic: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap returns the value if it was an error, so that errors.Is finds it.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Fault is how a function ended other than by returning. A nil Fault is a
// normal return.
type Fault struct{ panicked *PanicError }

// goexit is shared: a Goexit carries nothing.
var goexit = &Fault{}

// Catch runs fn and returns nil if it returned. A panic is recovered. After a
// runtime.Goexit Catch does not return either, as Goexit cannot be stopped;
// what must happen then belongs into ended, which is called in every case with
// the outcome, last, on the same goroutine.
func Catch(fn func(), ended func(*Fault)) {
	returned := false
	defer func() {
		if returned {
			ended(nil)
			return
		}
		if v := recover(); v != nil {
			ended(&Fault{Panicked(v)})
			return
		}
		ended(goexit)
	}()
	fn()
	returned = true
}

// Panicked makes the error of a recovered value, with this goroutine's stack.
// A value that is a *PanicError already, raised from another goroutine, is
// returned as it is: the first stack is the one that tells.
func Panicked(v any) *PanicError {
	if p, ok := v.(*PanicError); ok {
		return p
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// Err returns the fault as an error: a *PanicError or ErrGoexit, nil for nil.
func (f *Fault) Err() error {
	switch {
	case f == nil:
		return nil
	case f.panicked != nil:
		return f.panicked
	}
	return ErrGoexit
}

// Raise repeats the fault on this goroutine: it panics with the *PanicError or
// calls runtime.Goexit. It returns only if f is nil.
func (f *Fault) Raise() {
	switch {
	case f == nil:
	case f.panicked != nil:
		panic(f.panicked)
	default:
		runtime.Goexit()
	}
}
