package httplimit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/httplimit"
)

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })

func newStore(r ratelimit.Rate, burst int) ratelimit.Store {
	return ratelimit.NewStore(ratelimit.NewKeyed[string](r, burst))
}

// get asks h as a client with an address and fields, "Name: value".
func get(h http.Handler, addr string, fields ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = addr
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestMiddlewareRefusesWithTheTimeToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httplimit.Middleware(newStore(ratelimit.PerMinute(6), 2), httplimit.Policy("calls", time.Minute))(fine)
		res := get(h, "192.0.2.1:1000")
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, `"calls";q=2;w=60`, res.Header.Get("RateLimit-Policy"))
		assert.Equal(t, `"calls";r=1;t=10`, res.Header.Get("RateLimit"))
		assert.Empty(t, res.Header.Get("Retry-After"))
		get(h, "192.0.2.1:1001")
		time.Sleep(500 * time.Millisecond)
		res = get(h, "192.0.2.1:1002")
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Equal(t, "10", res.Header.Get("Retry-After"), "9.5 s, rounded up")
		assert.Equal(t, `"calls";r=0;t=20`, res.Header.Get("RateLimit"))
		assert.Equal(t, http.StatusOK, get(h, "192.0.2.2:1000").StatusCode, "another client")
		time.Sleep(10 * time.Second)
		assert.Equal(t, http.StatusOK, get(h, "192.0.2.1:1003").StatusCode)
	})
}

func TestForwardedAddressesCountAsFarAsProxiesAreTrusted(t *testing.T) {
	tests := []struct {
		name    string
		proxies int
		addr    string
		fields  []string
		want    string
	}{
		{"none", 0, "192.0.2.1:80", nil, "192.0.2.1"},
		{"not believed blindly", 0, "192.0.2.1:80", []string{"X-Forwarded-For: 203.0.113.9"}, "192.0.2.1"},
		{"one proxy", 1, "10.0.0.1:80", []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9"},
		{"what the client wrote does not count", 1, "10.0.0.1:80", []string{"X-Forwarded-For: 1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"several lines are one", 1, "10.0.0.1:80", []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 203.0.113.10"}, "203.0.113.10"},
		{"two proxies", 2, "10.0.0.1:80", []string{"X-Forwarded-For: 1.1.1.1, 203.0.113.9", "X-Forwarded-For: 10.0.0.2"}, "203.0.113.9"},
		{"too few entries", 2, "192.0.2.1:80", []string{"X-Forwarded-For: 203.0.113.9"}, "192.0.2.1"},
		{"no entry", 1, "192.0.2.1:80", nil, "192.0.2.1"},
		{"no address", 1, "192.0.2.1:80", []string{"X-Forwarded-For: unknown"}, "192.0.2.1"},
		{"an empty entry", 1, "192.0.2.1:80", []string{"X-Forwarded-For: 203.0.113.9,"}, "192.0.2.1"},
		{"with a port", 1, "192.0.2.1:80", []string{"X-Forwarded-For: 203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6", 0, "[2001:db8:1:2:3:4:5:6]:80", nil, "2001:db8:1:2::/64"},
		{"IPv6 in brackets", 1, "192.0.2.1:80", []string{"X-Forwarded-For: [2001:db8::1]"}, "2001:db8::/64"},
		{"IPv4 in IPv6", 0, "[::ffff:192.0.2.1]:80", nil, "192.0.2.1"},
		{"a socket", 0, "@", nil, "@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.addr
			for _, f := range tt.fields {
				name, value, _ := strings.Cut(f, ": ")
				r.Header.Add(name, value)
			}
			assert.Equal(t, tt.want, httplimit.ClientAddr(tt.proxies)(r))
		})
	}
}

type brokenStore struct{}

func (brokenStore) Take(context.Context, string, int) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("down")
}

func TestMiddlewareOptions(t *testing.T) {
	store := newStore(ratelimit.PerHour(1), 3)
	h := httplimit.Middleware(store,
		httplimit.Key(func(r *http.Request) string { return r.Header.Get("User") }),
		httplimit.Cost(func(r *http.Request) int { return len(r.Header.Get("Weight")) }),
		httplimit.Denied(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })),
		httplimit.Quiet(),
	)(fine)
	res := get(h, "", "User: a", "Weight: xxx")
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Empty(t, res.Header.Get("RateLimit"))
	res = get(h, "", "User: a", "Weight: x")
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	assert.NotEmpty(t, res.Header.Get("Retry-After"))
	assert.Equal(t, http.StatusOK, get(h, "", "User: a").StatusCode, "costs nothing")
	assert.Equal(t, http.StatusOK, get(h, "", "User: b", "Weight: x").StatusCode)
	res = get(h, "", "User: b", "Weight: xxxx")
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	assert.Empty(t, res.Header.Get("Retry-After"), "never")

	assert.Equal(t, http.StatusServiceUnavailable, get(httplimit.Middleware(brokenStore{})(fine), "").StatusCode)
	assert.Equal(t, http.StatusOK, get(httplimit.Middleware(brokenStore{}, httplimit.FailOpen())(fine), "").StatusCode)
}

func TestARequestThatHasEndedIsNotPassedOn(t *testing.T) {
	ran := false
	h := httplimit.Middleware(newStore(ratelimit.PerHour(1), 3))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	assert.False(t, ran)
}

// answers is a server that gives prepared answers.
type answers struct {
	clock func() time.Time
	next  []string // code and fields: "429; Retry-After: 3"
	at    []time.Time
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.at = append(a.at, a.clock())
	answer := "200"
	if len(a.next) > 0 {
		answer, a.next = a.next[0], a.next[1:]
	}
	if answer == "error" {
		return nil, errors.New("no route")
	}
	code, fields, _ := strings.Cut(answer, "|")
	w := httptest.NewRecorder()
	for f := range strings.SplitSeq(fields, "|") {
		if name, value, ok := strings.Cut(f, ": "); ok {
			w.Header().Add(name, value)
		}
	}
	var status int
	_, _ = fmt.Sscan(code, &status)
	w.WriteHeader(status)
	return w.Result(), nil
}

func TestTransportFollowsTheServer(t *testing.T) {
	date := func(s int) string {
		return time.Date(2030, 1, 1, 0, 0, s, 0, time.UTC).Format(http.TimeFormat)
	}
	tests := []struct {
		name   string
		answer string
		want   time.Duration // until the next request
	}{
		{"nothing", "200", 0},
		{"Retry-After", "429|Retry-After: 3", 3 * time.Second},
		{"503", "503|Retry-After: 2", 2 * time.Second},
		{"a date by the server's clock", "429|Retry-After: " + date(7) + "|Date: " + date(0), 7 * time.Second},
		{"a date in the past", "429|Retry-After: " + date(0) + "|Date: " + date(7), 0},
		{"200 does not stop", "200|Retry-After: 3", 0},
		{"nonsense", "429|Retry-After: soon", 0},
		{"negative", "429|Retry-After: -5", 0},
		{"at most MaxPause", "429|Retry-After: 99999999999999", time.Minute},
		{"RateLimit", `200|RateLimit: "default";r=0;t=5`, 5 * time.Second},
		{"RateLimit with room", `200|RateLimit: "default";r=5;t=5`, 0},
		{"the least of several", `200|RateLimit: "day";r=100;t=9, "minute";r=0;t=4`, 4 * time.Second},
		{"an older form", "200|RateLimit: limit=10, remaining=0, reset=6", 6 * time.Second},
		{"an older form apart", "200|RateLimit-Remaining: 0|RateLimit-Reset: 8", 8 * time.Second},
		{"before the drafts", "200|X-RateLimit-Remaining: 0|X-RateLimit-Reset: 1893456009|Date: " + date(0), 9 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &answers{clock: time.Now, next: []string{tt.answer}}
				l := ratelimit.New(ratelimit.PerSecond(100), 100)
				c := &http.Client{Transport: httplimit.NewTransport(server, l, httplimit.MaxPause(time.Minute))}
				for range 2 {
					res, err := c.Get("http://example.com/")
					require.NoError(t, err)
					require.NoError(t, res.Body.Close())
				}
				assert.Equal(t, tt.want, server.at[1].Sub(server.at[0]))
			})
		})
	}
}

func TestTransportTeachesAnAdaptiveLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answers{clock: time.Now}
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(10), ratelimit.PerSecond(100))
		c := &http.Client{Transport: httplimit.NewTransport(server, a)}
		do := func() {
			res, err := c.Get("http://example.com/")
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		}
		for range 1000 {
			do()
		}
		assert.InDelta(t, 100, a.Rate().PerSecond(), 1e-9)
		server.next = []string{"429"}
		do()
		assert.InDelta(t, 70, a.Rate().PerSecond(), 1e-9)
	})
}

type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

func TestTransportSendsNothingWhenTheWaitFails(t *testing.T) {
	server := &answers{clock: time.Now, next: []string{"error"}}
	l := ratelimit.New(ratelimit.PerHour(1), 1)
	tr := httplimit.NewTransport(server, l)
	b := &body{Reader: strings.NewReader("x")}
	r := httptest.NewRequest(http.MethodPost, "http://example.com/", b)
	_, err := tr.RoundTrip(r) //nolint:bodyclose // there is none
	require.EqualError(t, err, "no route")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = tr.RoundTrip(r.WithContext(ctx)) //nolint:bodyclose // there is none
	require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
	assert.True(t, b.closed)
	assert.Len(t, server.at, 1)
}

func TestBadInputIsRefused(t *testing.T) {
	for _, f := range []func(){
		func() { httplimit.Middleware(nil) },
		func() { httplimit.Middleware(newStore(ratelimit.Unlimited, 1))(nil) },
		func() { httplimit.Key(nil) },
		func() { httplimit.Cost(nil) },
		func() { httplimit.Denied(nil) },
		func() { httplimit.Policy("a\"b", 0) },
		func() { httplimit.Policy("a", -1) },
		func() { httplimit.ClientAddr(-1) },
		func() { httplimit.NewTransport(nil, nil) },
		func() { httplimit.MaxPause(0) },
		func() {
			get(httplimit.Middleware(newStore(ratelimit.Unlimited, 1), httplimit.Cost(func(*http.Request) int { return -1 }))(fine), "")
		},
	} {
		assert.Panics(t, f)
	}
}

func TestOverARealConnection(t *testing.T) {
	store := newStore(ratelimit.PerHour(1), 2)
	server := httptest.NewServer(httplimit.Middleware(store)(fine))
	defer server.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	l := ratelimit.New(ratelimit.Unlimited, 100)
	l.SetRate(ratelimit.PerSecond(1000))
	c := &http.Client{Transport: httplimit.NewTransport(base, l)}
	codes := []int{}
	for range 2 {
		res, err := c.Get(server.URL)
		require.NoError(t, err)
		codes = append(codes, res.StatusCode)
		require.NoError(t, res.Body.Close())
	}
	assert.Equal(t, []int{200, 200}, codes)
	assert.False(t, l.Allow(), "the server said that nothing is left")
}

func FuzzFieldsOfAServerNeverPanic(f *testing.F) {
	f.Add(`"default";r=50;t=30`, "120", "7")
	f.Add(`limit=10, remaining=0, reset=6`, "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999")
	f.Add(`;;;,,,==;r=-1;t=9223372036854775807`, "9223372036854775807", "-1")
	f.Fuzz(func(t *testing.T, ratelimitField, retry, reset string) {
		server := &answers{clock: time.Now, next: []string{"429"}}
		l := ratelimit.New(ratelimit.PerSecond(1), 1)
		tr := httplimit.NewTransport(headers{server, ratelimitField, retry, reset}, l)
		res, err := tr.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", nil))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.LessOrEqual(t, l.Take(1).RetryAfter, 6*time.Minute)
	})
}

type headers struct {
	http.RoundTripper
	ratelimit, retry, reset string
}

func (h headers) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := h.RoundTripper.RoundTrip(r)
	res.Header.Set("RateLimit", h.ratelimit)
	res.Header.Set("Retry-After", h.retry)
	res.Header.Set("X-RateLimit-Remaining", "0")
	res.Header.Set("X-RateLimit-Reset", h.reset)
	return res, err
}
