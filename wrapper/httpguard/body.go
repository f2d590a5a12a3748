package httpguard

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// drainLimit is how much is read of a body that nobody wants, so that its
// connection can be used again. Beyond it a new connection is cheaper.
const drainLimit = 64 << 10

// drain reads and closes the body of a response that is not returned, if there
// is one.
func drain(resp *http.Response) {
	if resp == nil || resp.Body == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	_ = resp.Body.Close()
}

// shorten reads a body that is likely to be short and to be thrown away, as that
// of an error, and returns one that gives the same: so it holds no connection
// while a retry pauses. If it is long, the rest stays to be read.
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
