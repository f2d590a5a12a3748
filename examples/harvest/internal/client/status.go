package client

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAfter bounds what a server can make us wait, in case its header is
// nonsense.
const maxAfter = time.Hour

// StatusError is an answer that is not 200.
type StatusError struct {
	Method, Path string
	Status       int
	Text         string        // the beginning of the body
	After        time.Duration // from Retry-After; 0 where there was none
}

func newStatusError(method, path string, resp *http.Response) *StatusError {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // it only explains
	return &StatusError{
		Method: method, Path: path, Status: resp.StatusCode, Text: strings.TrimSpace(string(text)),
		After: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
}

// Error names the call and the answer.
func (e *StatusError) Error() string {
	return fmt.Sprintf("client: %s %s: %d %s", e.Method, e.Path, e.Status, e.Text)
}

// RetryAfter is how long the server asks to wait; 0 means that it did not say.
// A retry policy finds it by this method.
func (e *StatusError) RetryAfter() time.Duration { return e.After }

// Permanent reports that the same request would fail again: it is the
// request's fault.
func (e *StatusError) Permanent() bool {
	return e.Status >= 400 && e.Status < 500 &&
		e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// retryAfter reads the two forms of the header: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), maxAfter)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), maxAfter)
	}
	return 0
}
