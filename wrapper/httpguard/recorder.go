package httpguard

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that knows the status. A handler that asks by a
// type assertion whether it can flush, hijack or push must get the answer of the
// writer beneath, so that there is a type for each combination that servers have.
type recorder struct {
	http.ResponseWriter

	status   int // 0: nothing was written
	hijacked bool
}

func newRecorder(w http.ResponseWriter) *recorder { return &recorder{ResponseWriter: w} }

// written reports whether a status has gone out, or the connection is not the
// server's any more.
func (r *recorder) written() bool { return r.status != 0 || r.hijacked }

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // others are informational
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begin()
	return r.ResponseWriter.Write(p)
}

// WriteString is for io.WriteString, which needs no copy of the string then.
func (r *recorder) WriteString(s string) (int, error) {
	r.begin()
	return io.WriteString(r.ResponseWriter, s)
}

// begin notes the status that a first write implies.
func (r *recorder) begin() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}

// FlushError is for http.ResponseController, which must hear of a failure, and
// may find a flusher beneath that no type assertion does.
func (r *recorder) FlushError() error {
	err := http.NewResponseController(r.ResponseWriter).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		r.begin()
	}
	return err
}

func (r *recorder) flush() {
	r.begin()
	r.ResponseWriter.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // writer has asked
}

func (r *recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := r.ResponseWriter.(http.Hijacker).Hijack() //nolint:errcheck,forcetypeassert // writer has asked
	r.hijacked = r.hijacked || err == nil
	return conn, rw, err
}

func (r *recorder) readFrom(src io.Reader) (int64, error) {
	r.begin()
	return r.ResponseWriter.(io.ReaderFrom).ReadFrom(src) //nolint:errcheck,forcetypeassert // writer has asked
}

// writer returns r with the optional methods of the writer beneath.
func (r *recorder) writer() http.ResponseWriter {
	_, flushes := r.ResponseWriter.(http.Flusher)
	_, hijacks := r.ResponseWriter.(http.Hijacker)
	_, reads := r.ResponseWriter.(io.ReaderFrom)
	pusher, pushes := r.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks && reads: // HTTP/1
		return &full{hijacking{flushing{r}}}
	case flushes && hijacks:
		return &hijacking{flushing{r}}
	case flushes && pushes: // HTTP/2
		return &pushing{flushing{r}, pusher}
	case flushes:
		return &flushing{r}
	}
	return r
}

type flushing struct{ *recorder }

// Flush sends what is buffered.
func (f flushing) Flush() { f.flush() }

type hijacking struct{ flushing }

// Hijack takes the connection over.
func (h hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.hijack() }

type full struct{ hijacking }

// ReadFrom copies src, by the system where it can.
func (f full) ReadFrom(src io.Reader) (int64, error) { return f.readFrom(src) }

type pushing struct {
	flushing
	http.Pusher
}
