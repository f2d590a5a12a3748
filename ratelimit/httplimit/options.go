package httplimit

import (
	"fmt"
	"net/http"
	"time"
)

// Option changes how a Middleware works.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	key    func(*http.Request) string
	cost   func(*http.Request) int
	denied http.Handler
	failed func(next http.Handler, err error) http.Handler
	policy string // with its quotes
	window time.Duration
	quiet  bool
}

func newConfig(opts []Option) config {
	c := config{
		key:    ClientAddr(0),
		cost:   func(*http.Request) int { return 1 },
		denied: status(http.StatusTooManyRequests),
		failed: func(http.Handler, error) http.Handler { return status(http.StatusServiceUnavailable) },
		policy: `"default"`,
	}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("httplimit: the options of Middleware must not be nil, number %d is", i))
		}
		o.apply(&c)
	}
	return c
}

// status answers with a code and its text.
func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, http.StatusText(code), code)
	})
}

// Key sets whose request it is; by default [ClientAddr](0). It must return the same
// for all requests that share a limit, and nothing that a client can choose freely.
func Key(f func(*http.Request) string) Option {
	if f == nil {
		panic("httplimit: Key must not be nil")
	}
	return optionFunc(func(c *config) { c.key = f })
}

// Cost sets how many tokens a request takes; by default 1. One that costs 0 is not
// limited. It panics, in the handler, if that is negative.
func Cost(f func(*http.Request) int) Option {
	if f == nil {
		panic("httplimit: Cost must not be nil")
	}
	return optionFunc(func(c *config) { c.cost = f })
}

// Denied answers requests that are refused; Retry-After and the other fields are
// set by then. By default it answers 429 Too Many Requests.
func Denied(h http.Handler) Option {
	if h == nil {
		panic("httplimit: Denied must not be nil")
	}
	return optionFunc(func(c *config) { c.denied = h })
}

// FailOpen passes requests on when the store cannot be asked. By default they are
// answered with 503 Service Unavailable.
func FailOpen() Option {
	return optionFunc(func(c *config) {
		c.failed = func(next http.Handler, _ error) http.Handler { return next }
	})
}

// Policy names the limit in the RateLimit fields, and says in which time its quota
// comes back, 0 if that is not to be told. By default the name is "default". It
// panics if the name is not printable ASCII or the window is negative.
func Policy(name string, window time.Duration) Option {
	for _, r := range name {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			panic(fmt.Sprintf("httplimit: the name of a Policy must be printable ASCII without quotes, got %q", name))
		}
	}
	if window < 0 {
		panic(fmt.Sprintf("httplimit: the window of a Policy must be at least 0, got %v", window))
	}
	return optionFunc(func(c *config) { c.policy, c.window = `"`+name+`"`, window })
}

// Quiet leaves the RateLimit fields out. Retry-After is sent still.
func Quiet() Option { return optionFunc(func(c *config) { c.quiet = true }) }
