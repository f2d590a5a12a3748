package httpguard

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// drainLimit is how much is read of a body that nobody wants, so that its
// connection can be used again. Beyond it a new connection is cheaper.
const drainLimit = 64 << 10

// drainTime is how long is waited for such a body: one that is a stream may
// never end, and the loser of a hedge or the next attempt must not wait for it.
const drainTime = 50 * time.Millisecond

// drain reads and closes the body of a response that is not returned, if there
// is one.
func drain(resp *http.Response) {
	if resp == nil || resp.Body == nil {
		return
	}
	if b, ok := resp.Body.(*tied); ok { // others have no body, or no end to read to
		defer time.AfterFunc(drainTime, b.cut).Stop()
		_, _ = io.CopyN(io.Discard, b, drainLimit)
	}
	_ = resp.Body.Close()
}

// closeBody closes the body of a response, if there is one.
func closeBody(resp *http.Response) {
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
}

// shorten reads a body that says it is short and is likely to be thrown away, as
// that of an error, and returns one that gives the same: so it holds no connection
// while a retry pauses. A body that does not say how long it is may be a stream,
// whose response the caller must get before its end: it is left as it is.
func shorten(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	var head bytes.Buffer
	_, err := io.CopyN(&head, body, drainLimit)
	switch {
	case errors.Is(err, io.EOF):
		_ = body.Close()
		return io.NopCloser(&head)
	case err == nil:
		return &joined{io.MultiReader(&head, body), body}
	}
	return &joined{io.MultiReader(&head, broken{err}), body}
}

// joined reads from one and closes another.
type joined struct {
	io.Reader
	io.Closer
}

// broken is a reader that fails.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
