package httplimit_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/httplimit"
)

func TestWhatAClientWritesIntoForwardedForChangesNothing(t *testing.T) {
	lies := []string{
		"", ",", ",,,,", "1.1.1.1", "1.1.1.1, 2.2.2.2", "unknown", "[::1", "::1]", "]:[", "999.1.1.1", "1.1.1.1:99999", "fe80::1%eth0",
		"203.0.113.9, ", "0x7f.1", "127.1", strings.Repeat("1.1.1.1,", 5000), "a\"b", "for=1.1.1.1", "::ffff:1.2.3.4", "\x00",
	}
	for proxies, through := range []string{"", "203.0.113.9", "203.0.113.9, 10.0.0.2"} {
		for _, lie := range lies {
			for _, lines := range [][]string{{lie}, {lie, lie}, {lie, lie, lie}} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.RemoteAddr = "192.0.2.1:80"
				h := http.Header{"X-Forwarded-For": append([]string(nil), lines...)}
				want := "192.0.2.1"
				if proxies > 0 { // they append to the last line or write another
					want = "203.0.113.9"
					h["X-Forwarded-For"] = append(h["X-Forwarded-For"], through)
				}
				r.Header = h
				assert.Equal(t, want, httplimit.ClientAddr(proxies)(r), "%d %q", proxies, lines)
				if proxies > 0 {
					r.Header.Set("X-Forwarded-For", strings.Join(h["X-Forwarded-For"], ", "))
					assert.Equal(t, want, httplimit.ClientAddr(proxies)(r), "%d %q", proxies, lines)
				}
			}
		}
	}
}

func TestOddAddressesOfAConnectionAreReadToo(t *testing.T) {
	for addr, want := range map[string]string{
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::/64", // some middleware leaves the port out
		"[2001:db8:1:2::9]":        "2001:db8:1:2::/64",
		"192.0.2.1":                "192.0.2.1",
		"[fe80::1%eth0]:80":        "fe80::/64",
		"[2001:db8:1:2::1%a]:4711": "2001:db8:1:2::/64",
		"":                         "",
		"pipe":                     "pipe",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = addr
		assert.Equal(t, want, httplimit.ClientAddr(0)(r), addr)
		r.Header.Set("X-Forwarded-For", "nonsense")
		assert.Equal(t, want, httplimit.ClientAddr(1)(r), addr)
	}
}

// decides is a store that always decides the same.
type decides ratelimit.Decision

func (d decides) Take(context.Context, string, int) (ratelimit.Decision, error) {
	return ratelimit.Decision(d), nil
}

func TestWhateverAStoreDecidesTheFieldsAreValid(t *testing.T) {
	tests := []struct {
		d                    ratelimit.Decision
		retry, state, policy string
	}{
		{ratelimit.Decision{Limit: 5, Remaining: -3, RetryAfter: -time.Hour, ResetAfter: -time.Hour}, "", `"default";r=0`, `"default";q=5`},
		{ratelimit.Decision{Limit: 5, RetryAfter: 0}, "", `"default";r=0`, `"default";q=5`},
		{ratelimit.Decision{Limit: 5, RetryAfter: 1, ResetAfter: 1}, "1", `"default";r=0;t=1`, `"default";q=5`},
		{ratelimit.Decision{Limit: 5, RetryAfter: time.Second, ResetAfter: time.Second + 1}, "1", `"default";r=0;t=2`, `"default";q=5`},
		{ratelimit.Decision{Limit: 5, RetryAfter: ratelimit.Never, ResetAfter: ratelimit.Never}, "", `"default";r=0`, `"default";q=5`},
		{ratelimit.Decision{Limit: 5, RetryAfter: ratelimit.Never - 1, ResetAfter: ratelimit.Never - 1}, "9223372037", `"default";r=0;t=9223372037`, `"default";q=5`},
		{ratelimit.Decision{Limit: math.MaxInt, Remaining: math.MaxInt, RetryAfter: 1}, "1", `"default";r=999999999999999`, `"default";q=999999999999999`},
	}
	for _, tt := range tests {
		res := get(httplimit.Middleware(decides(tt.d))(fine), "192.0.2.1:80")
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Equal(t, tt.retry, res.Header.Get("Retry-After"), "%+v", tt.d)
		assert.Equal(t, tt.state, res.Header.Get("RateLimit"), "%+v", tt.d)
		assert.Equal(t, tt.policy, res.Header.Get("RateLimit-Policy"), "%+v", tt.d)
	}
}

func TestARequestThatRanOutOfTimeIsNotAnsweredAsIfItWereFine(t *testing.T) {
	h := httplimit.Middleware(newStore(ratelimit.PerHour(1), 3), httplimit.FailOpen())(fine)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), -1) // a deadline of the server's
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
}

func TestHowLongAServerCanStopTheRequests(t *testing.T) {
	date := func(s int) string {
		return time.Date(2030, 1, 1, 0, 0, s, 0, time.UTC).Format(http.TimeFormat)
	}
	tests := []struct {
		answer string
		want   time.Duration
	}{
		{"429|Retry-After: inf", 0},
		{"429|Retry-After: +Inf", 0},
		{"429|Retry-After: nan", 0},
		{"429|Retry-After: 1e9", 0},
		{"429|Retry-After: 0x10", 0},
		{"429|Retry-After: -inf", 0},
		{"429|Retry-After: --5", 0},
		{"429|Retry-After: 1.5", 1500 * time.Millisecond},
		{"429|Retry-After: .5", 0},
		{"429|Retry-After: 1.2.3", 0},
		{"429|Retry-After: 0", 0},
		{"429|Retry-After: 000007", 7 * time.Second},
		{"429|Retry-After:   8  ", 8 * time.Second},
		{"429|Retry-After: " + strings.Repeat("9", 40), time.Minute},
		{"429|Retry-After: " + strings.Repeat("9", 500) + ".9", time.Minute},
		{"429|Retry-After: -" + strings.Repeat("9", 40), 0},
		{"429|Retry-After: Sunday, 06-Nov-94 08:49:37 GMT", 0},
		{"429|Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", time.Minute},
		{"429|Retry-After: " + date(5) + "|Date: nonsense", time.Minute}, // by our clock, which is in 2000
		{"429|Retry-After: 5|Retry-After: 50", 5 * time.Second},
		{"429|X-RateLimit-Remaining: 0|X-RateLimit-Reset: 1893456009000|Date: " + date(0), 9 * time.Second}, // milliseconds
		{"429|X-RateLimit-Remaining: 0|X-RateLimit-Reset: -5", 0},
		{`200|RateLimit: "a,b";r=0;t=5`, 5 * time.Second},
		{`200|RateLimit: "x;r=0;t=50";r=9;t=1`, 0},
		{`200|RateLimit: "x;r=0;t=50"`, 0},
		{`200|RateLimit: "q\";r=0;t=50";r=9`, 0},
		{`200|RateLimit: "open;r=0;t=50`, 0},
		{`200|RateLimit: "day";r=100;t=50, "minute";r=0`, 0}, // its reset is not that of the day
		{`200|RateLimit: "minute";r=0;t=5, "day";r=0;t=30`, 30 * time.Second},
		{`200|RateLimit: "day";r=0;t=30, "minute";r=0;t=5`, 30 * time.Second},
		{`200|RateLimit: "minute";r=0;t=5|RateLimit: "day";r=100;t=30`, 5 * time.Second},
		{`200|RateLimit: reset=6, limit=10, remaining=0`, 6 * time.Second},
		{`200|RateLimit: default;r=0;t=5`, 5 * time.Second}, // a token instead of a string
		{`200|RateLimit: "d";r=0;t=5;pk=:cHNsLQ==:`, 5 * time.Second},
		{`200|RateLimit: "d" ; r=0 ;  t=5`, 5 * time.Second},
		{`200|RateLimit: "d";r=-1;t=5`, 0},
		{`200|RateLimit: "d";r=zero;t=5`, 0},
		{`200|RateLimit: "d";t=5`, 0},
		{`200|RateLimit: "d";r=0;t=99999999999999999999999`, time.Minute},
		{`200|RateLimit-Policy: "d";q=0;w=50`, 0},
		{`429|Retry-After: 3|RateLimit: "d";r=0;t=50`, 3 * time.Second}, // Retry-After goes before
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			server := &answers{clock: time.Now, next: []string{tt.answer}}
			l := ratelimit.New(ratelimit.PerSecond(1e9), 100)
			c := &http.Client{Transport: httplimit.NewTransport(server, l, httplimit.MaxPause(time.Minute))}
			for range 2 {
				res, err := c.Get("http://example.com/")
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
			}
			got := server.at[1].Sub(server.at[0])
			assert.InDelta(t, tt.want, got, float64(time.Microsecond), "%s", tt.answer)
			time.Sleep(time.Minute)
			assert.True(t, l.AllowN(100), "what a server says never lasts longer: %s", tt.answer)
		})
	}
}

func TestAnAdaptiveLimiterComesBackAfterAServersBadMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answers{clock: time.Now}
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(100))
		c := &http.Client{Transport: httplimit.NewTransport(server, a, httplimit.MaxPause(10*time.Second))}
		do := func() {
			res, err := c.Get("http://example.com/")
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		}
		for range 30 {
			server.next = []string{"429|Retry-After: 86400"}
			do()
		}
		assert.InDelta(t, 1, a.Rate().PerSecond(), 1e-9)
		for range 3000 {
			do()
		}
		assert.InDelta(t, 100, a.Rate().PerSecond(), 1e-9)
	})
}

// roundTrip is a RoundTripper that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestARoundTripperThatBreaksTheRulesIsSeenAsItIs(t *testing.T) {
	l := ratelimit.New(ratelimit.Unlimited, 1)
	tr := httplimit.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, nil //nolint:nilnil // it breaks the rules
	}), l)
	res, err := tr.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", nil)) //nolint:bodyclose // none
	assert.Nil(t, res)
	assert.NoError(t, err)
	failed := errors.New("half an answer")
	tr = httplimit.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTooManyRequests}, failed
	}), l)
	res, err = tr.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", nil)) //nolint:bodyclose // none
	assert.NotNil(t, res)
	assert.Equal(t, failed, err)
}

type idle struct {
	http.RoundTripper
	closed bool
}

func (i *idle) CloseIdleConnections() { i.closed = true }

func TestIdleConnectionsOfTheBaseCanBeClosed(t *testing.T) {
	base := &idle{}
	c := &http.Client{Transport: httplimit.NewTransport(base, ratelimit.New(ratelimit.Unlimited, 1))}
	c.CloseIdleConnections()
	assert.True(t, base.closed)
	httplimit.NewTransport(&answers{}, ratelimit.New(ratelimit.Unlimited, 1)).CloseIdleConnections() // has none
}

func TestABodyIsSentAgainOnARedirectAndClosedOnceWhenNothingIsSent(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.Path+" "+string(b))
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	l := ratelimit.New(ratelimit.PerHour(1), 2)
	c := &http.Client{Transport: httplimit.NewTransport(base, l)}
	res, err := c.Post(server.URL+"/a", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, []string{"/a hello", "/b hello"}, got)
	assert.Zero(t, l.Take(0).Remaining, "each is a request")

	ctx, cancel := context.WithCancel(t.Context())
	b := &countingBody{Reader: strings.NewReader("x")}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, b)
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		res, err := c.Do(r)
		if err == nil {
			_ = res.Body.Close()
		}
		done <- err
	}()
	for l.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.EqualValues(t, 1, b.closed.Load())
	assert.Len(t, got, 2, "nothing was sent")
}

type countingBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *countingBody) Close() error { b.closed.Add(1); return nil }

func TestManyClientsOfARealServerGetTheBurst(t *testing.T) {
	store := newStore(ratelimit.PerDay(1), 20)
	h := httplimit.Middleware(store, httplimit.Key(httplimit.ClientAddr(1)))(fine)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Add("X-Forwarded-For", "203.0.113.9") // as the proxy in front does
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	var granted, denied atomic.Int32
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 10 {
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				r.Header.Set("X-Forwarded-For", "10.0."+strconv.Itoa(g)+"."+strconv.Itoa(i)) // a new lie each time
				res, err := server.Client().Do(r)
				if !assert.NoError(t, err) {
					return
				}
				_ = res.Body.Close()
				switch res.StatusCode {
				case http.StatusOK:
					granted.Add(1)
				case http.StatusTooManyRequests:
					denied.Add(1)
					after, err := strconv.Atoi(res.Header.Get("Retry-After"))
					assert.NoError(t, err)
					assert.InDelta(t, 86400, after, 60)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 20, granted.Load())
	assert.EqualValues(t, 60, denied.Load())
}

func TestNilOptionsAreRefused(t *testing.T) {
	assert.PanicsWithValue(t, "httplimit: the options of Middleware must not be nil, number 0 is", func() {
		httplimit.Middleware(newStore(ratelimit.Unlimited, 1), nil)
	})
	assert.PanicsWithValue(t, "httplimit: the options of NewTransport must not be nil, number 1 is", func() {
		httplimit.NewTransport(nil, ratelimit.New(ratelimit.Unlimited, 1), httplimit.MaxPause(1), nil)
	})
}
