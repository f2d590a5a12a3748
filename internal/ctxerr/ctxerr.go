// Package ctxerr makes the error of a call that its context ended.
package ctxerr

import "context"

// Of returns nil while ctx is not done. Then it returns ctx.Err() itself where
// no cause was given, because programs compare that with ==, and otherwise an
// error that matches both ctx.Err() and context.Cause(ctx) with errors.Is.
func Of(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !same(cause, err) {
		return &Error{err, cause}
	}
	return err
}

// same reports whether no cause was given. It asks for the context package's
// own two errors first: == panics on two values of one uncomparable type.
func same(cause, err error) bool {
	switch err { //nolint:errorlint // identity is the question
	case context.Canceled, context.DeadlineExceeded:
		return cause == err //nolint:errorlint // identity is the question
	}
	return true // a foreign context: the context package knows no cause of it
}

// Error is the error of a context that was given a cause.
type Error struct{ err, cause error }

// Error names both: what happened and why.
func (e *Error) Error() string { return e.err.Error() + ": " + e.cause.Error() }

// Unwrap returns ctx.Err() and the cause.
func (e *Error) Unwrap() []error { return []error{e.err, e.cause} }
