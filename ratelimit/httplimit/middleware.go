package httplimit

import (
	"fmt"
	"net/http"

	"github.com/weirkit/weir/ratelimit"
)

// Middleware returns a wrapper for handlers that takes a token of store for each
// request and refuses those for which there is none. For a limit in this process
// use ratelimit.NewStore:
//
//	store := ratelimit.NewStore(ratelimit.NewKeyed[string](ratelimit.PerMinute(60), 20))
//	http.Handle("/", httplimit.Middleware(store)(handler))
//
// A request whose context has ended by then is not passed on; if somebody waits for the
// answer still, because it was a deadline of the server's, it is 503 Service Unavailable.
func Middleware(store ratelimit.Store, opts ...Option) func(http.Handler) http.Handler {
	if store == nil {
		panic("httplimit: Middleware needs a store, got nil")
	}
	c := newConfig(opts)
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("httplimit: the handler must not be nil")
		}
		return &handler{store, next, c}
	}
}

type handler struct {
	store ratelimit.Store
	next  http.Handler
	cfg   config
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := h.cfg.cost(r)
	if n < 0 {
		panic(fmt.Sprintf("httplimit: the cost of a request must be at least 0, got %d", n))
	}
	d, err := h.store.Take(r.Context(), h.cfg.key(r), n)
	switch {
	case err != nil && r.Context().Err() != nil: // without an answer net/http sends 200
		status(http.StatusServiceUnavailable).ServeHTTP(w, r)
		return
	case err != nil:
		h.cfg.failed(h.next, err).ServeHTTP(w, r)
		return
	}
	h.cfg.describe(w.Header(), d)
	if d.OK {
		h.next.ServeHTTP(w, r)
		return
	}
	if s := seconds(d.RetryAfter); s != "" {
		w.Header().Set("Retry-After", s)
	}
	h.cfg.denied.ServeHTTP(w, r)
}
