package fault

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Counts tells how many requests met what.
type Counts struct {
	Requests int64
	ByKind   map[Kind]int64
	InOutage int64
	Outages  int
}

// Injector puts the faults of a schedule in front of a handler. Safe for
// concurrent use.
type Injector struct {
	schedule Schedule
	next     http.Handler

	mu     sync.Mutex
	counts Counts
	until  time.Time // the end of the current outage, or of the last one
}

// NewInjector wraps next.
func NewInjector(s Schedule, next http.Handler) *Injector {
	return &Injector{schedule: s, next: next, counts: Counts{ByKind: map[Kind]int64{}}}
}

// Counts returns what happened so far.
func (i *Injector) Counts() Counts {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.counts
	c.ByKind = map[Kind]int64{}
	maps.Copy(c.ByKind, i.counts.ByKind)
	return c
}

// draw numbers the request and tells its fault. During an outage that is a
// closed connection for everyone.
func (i *Injector) draw() Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts.Requests++
	n, now := i.counts.Requests, time.Now()
	outages := i.schedule.profile.Outages
	if !now.Before(i.until) && i.counts.Outages < len(outages) && n >= outages[i.counts.Outages].At {
		i.until = now.Add(outages[i.counts.Outages].For)
		i.counts.Outages++
	}
	if now.Before(i.until) {
		i.counts.InOutage++
		return Fault{Kind: DropBefore}
	}
	f := i.schedule.At(n)
	i.counts.ByKind[f.Kind]++
	return f
}

// ServeHTTP answers, or does not.
func (i *Injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f := i.draw(); f.Kind {
	case Slow:
		answer := capture(i.next, r)
		wait(r, f.Delay)
		answer.send(w)
	case Unavailable:
		w.Header().Set("Retry-After", strconv.Itoa(int(f.Delay/time.Second)))
		http.Error(w, "busy, come back later", http.StatusServiceUnavailable)
	case Internal:
		http.Error(w, "something broke", http.StatusInternalServerError)
	case DropBefore:
		panic(http.ErrAbortHandler) // net/http's way to close the connection without an answer
	case DropAfter:
		capture(i.next, r)
		panic(http.ErrAbortHandler)
	default:
		i.next.ServeHTTP(w, r)
	}
}

// wait passes d, or ends early when the client left or the server stops.
func wait(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// answer is a response that is not sent yet: the work is done before the
// fault hits.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func capture(h http.Handler, r *http.Request) *answer {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(a, r)
	return a
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client may have left
}
