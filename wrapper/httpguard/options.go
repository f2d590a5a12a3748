package httpguard

import "net/http"

// TransportOption changes how Transport and PerHost work.
type TransportOption interface{ applyTransport(*transportConfig) }

type transportConfig struct {
	replayable func(*http.Request) bool
	failure    func(*http.Response) bool
}

type transportOption func(*transportConfig)

func (f transportOption) applyTransport(c *transportConfig) { f(c) }

func newTransportConfig(opts []TransportOption) transportConfig {
	c := transportConfig{
		replayable: Idempotent,
		failure:    func(r *http.Response) bool { return isFailure(r.StatusCode) },
	}
	for _, o := range opts {
		o.applyTransport(&c)
	}
	return c
}

// Replayable says which requests may be sent again. The default is [Idempotent].
func Replayable(f func(*http.Request) bool) TransportOption {
	if f == nil {
		panic("httpguard: Replayable needs a function, got nil")
	}
	return transportOption(func(c *transportConfig) { c.replayable = f })
}

// Failure says which responses are failures. By default those with status 429
// and from 500 on are. A switch of protocols (101) never is. f must not touch the
// body.
func Failure(f func(*http.Response) bool) TransportOption {
	if f == nil {
		panic("httpguard: Failure needs a function, got nil")
	}
	return transportOption(func(c *transportConfig) { c.failure = f })
}

// Idempotent reports whether a request may be sent twice without harm: by its
// method (GET, HEAD, OPTIONS, TRACE, PUT, DELETE; RFC 9110, section 9.2.2), or
// because it has an Idempotency-Key or X-Idempotency-Key header.
func Idempotent(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, a := r.Header["Idempotency-Key"]
	_, b := r.Header["X-Idempotency-Key"]
	return a || b
}

// HandlerOption changes how Handler works.
type HandlerOption interface{ applyHandler(*handlerConfig) }

type handlerConfig struct {
	priority func(*http.Request) int
	key      func(*http.Request) any
	refused  func(http.ResponseWriter, *http.Request, error)
}

type handlerOption func(*handlerConfig)

func (f handlerOption) applyHandler(c *handlerConfig) { f(c) }

func newHandlerConfig(opts []HandlerOption) handlerConfig {
	c := handlerConfig{refused: Refuse}
	for _, o := range opts {
		o.applyHandler(&c)
	}
	return c
}

// Priority gives each request a place in the queues of the semaphores, as of
// semaphore.AcquirePriority. It stays with the request: calls that the handler makes
// with the request's context have it too, so that what is done for an important
// request is important all the way. A priority out of the bounds of
// wrapper.WithOverride panics for that request, before anything is taken: cut what
// comes from a header.
func Priority(f func(*http.Request) int) HandlerOption {
	if f == nil {
		panic("httpguard: Priority needs a function, got nil")
	}
	return handlerOption(func(c *handlerConfig) { c.priority = f })
}

// Key gives each request a key, for layers of wrapper.PerKey. It is for those alone:
// the handler's own calls do not have it, whose keys are hosts and not tenants.
func Key(f func(*http.Request) any) HandlerOption {
	if f == nil {
		panic("httpguard: Key needs a function, got nil")
	}
	return handlerOption(func(c *handlerConfig) { c.key = f })
}

// Refused answers requests that a layer refused. The default is [Refuse].
func Refused(f func(w http.ResponseWriter, r *http.Request, err error)) HandlerOption {
	if f == nil {
		panic("httpguard: Refused needs a function, got nil")
	}
	return handlerOption(func(c *handlerConfig) { c.refused = f })
}
