package ctxerr_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/ctxerr"
)

var errCause = errors.New("shutting down")

// odd is a context with an error of an uncomparable type.
type odd struct{ context.Context }

type oddError []string

func (oddError) Error() string { return "odd" }
func (odd) Err() error         { return oddError{"a"} }

func TestOf(t *testing.T) {
	plain, cancel := context.WithCancel(t.Context())
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	caused, cancelCaused := context.WithCancelCause(t.Context())
	assert.NoError(t, ctxerr.Of(plain))

	cancel()
	cancelLate()
	cancelCaused(errCause)
	assert.True(t, ctxerr.Of(plain) == context.Canceled, "programs compare with ==") //nolint:errorlint,testifylint // identity is the promise
	assert.True(t, ctxerr.Of(late) == context.DeadlineExceeded)                      //nolint:errorlint,testifylint // identity is the promise

	err := ctxerr.Of(caused)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, errCause)
	assert.Equal(t, "context canceled: shutting down", err.Error())
}

func TestOfForeignContextWithUncomparableError(t *testing.T) {
	assert.NotPanics(t, func() {
		assert.Equal(t, oddError{"a"}, ctxerr.Of(odd{t.Context()}))
	})
}
