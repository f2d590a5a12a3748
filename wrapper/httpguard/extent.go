package httpguard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/wrapper"
)

// extent is the context of one exchange. It has the values and the deadline of
// the context that the wrapper gave to the exchange, and ends with it until the
// response's header is there. From then on, where the wrapper's context ends
// because the call has returned, it lasts until the body is closed, the deadline
// has passed, or the caller's context ends.
type extent struct {
	context.Context

	caller context.Context
	cancel context.CancelCauseFunc
	timed  context.CancelFunc // may be nil
	inner  func() bool        // stops following the wrapper's context
	outer  func() bool        // stops following the caller's
	once   sync.Once
}

func newExtent(ctx, caller context.Context) *extent {
	x := &extent{caller: caller}
	free := context.WithoutCancel(ctx)
	if at, ok := ctx.Deadline(); ok {
		free, x.timed = context.WithDeadlineCause(free, at, causeOf(caller, at))
	}
	x.Context, x.cancel = context.WithCancelCause(free)
	x.inner = context.AfterFunc(ctx, func() { x.cancel(context.Cause(ctx)) })
	x.outer = context.AfterFunc(caller, func() { x.cancel(context.Cause(caller)) })
	return x
}

// causeOf returns the cause of a deadline: ours, or none if the caller brought
// it.
func causeOf(caller context.Context, at time.Time) error {
	if own, ok := caller.Deadline(); ok && !at.Before(own) {
		return nil
	}
	return wrapper.ErrTimeout
}

// explain returns err, of an exchange or of its body, so that it says what ended
// the extent. A context that follows two others knows only that it was cancelled,
// its own timer may be the first to ring, and HTTP/2 tells no cause.
func (x *extent) explain(err error) error {
	if err == nil || err == io.EOF || x.Err() == nil { //nolint:errorlint // readers return io.EOF itself
		return err
	}
	if ended := ctxerr.Of(x.caller); ended != nil {
		return ended
	}
	if errors.Is(context.Cause(x), wrapper.ErrTimeout) && !errors.Is(err, wrapper.ErrTimeout) {
		return &timeoutError{err}
	}
	return err
}

// detach stops following the wrapper's context, and reports false if that has
// ended.
func (x *extent) detach() bool { return x.inner() }

// end releases what the extent holds. It is idempotent.
func (x *extent) end() {
	x.once.Do(func() {
		x.inner()
		x.outer()
		x.cancel(nil)
		if x.timed != nil {
			x.timed()
		}
	})
}

// until returns body, with the end of the extent tied to its own.
func (x *extent) until(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		x.end()
		return body
	}
	if c, ok := body.(io.ReadWriteCloser); ok {
		return &switched{c, x}
	}
	return &tied{body, x}
}

// tied is a body that ends an extent when it is closed or read to its end.
type tied struct {
	io.ReadCloser

	x *extent
}

func (b *tied) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		err = b.x.explain(err)
		b.x.end()
	}
	return n, err
}

func (b *tied) Close() error {
	defer b.x.end()
	return b.ReadCloser.Close()
}

// cut ends the exchange, so that a read that waits for the body fails.
func (b *tied) cut() { b.x.cancel(context.Canceled) }

// switched is the connection that is the body of a switch of protocols. Neither a
// timeout nor the end of what the peer writes is the end of it, and errors are its
// own.
type switched struct {
	io.ReadWriteCloser

	x *extent
}

func (c *switched) Close() error {
	defer c.x.end()
	return c.ReadWriteCloser.Close()
}
