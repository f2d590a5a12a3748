package httpguard_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// proxied is a server behind a proxy of net/http that is guarded on both sides.
type proxied struct {
	front    *service
	inFlight *semaphore.Semaphore // of the front
	breaker  *breaker.Breaker     // of the front
}

func proxy(t *testing.T, http2 bool, h http.HandlerFunc) *proxied {
	t.Helper()
	back := serve(t, http2, h)
	target, err := url.Parse(back.URL)
	require.NoError(t, err)
	p := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Minute), retries(1), semaphore.New(10)), back.base),
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	out := &proxied{inFlight: semaphore.New(10), breaker: breaker.New(breaker.ConsecutiveFailures(1))}
	out.front = serve(t, http2, httpguard.Handler(wrapper.Compose(out.breaker, out.inFlight), p).ServeHTTP)
	out.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	return out
}

func TestAProxyGuardedOnBothSidesStreamsBothWays(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		p := proxy(t, http2, func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			if !http2 {
				assert.NoError(t, c.EnableFullDuplex())
			}
			for lines := bufio.NewScanner(r.Body); lines.Scan(); {
				fmt.Fprintln(w, "got", lines.Text())
				assert.NoError(t, c.Flush())
			}
		})
		if !http2 { // over which net/http's proxy does not read on when the answer has begun
			resp, err := p.front.Client().Post(p.front.URL, "text/plain", strings.NewReader("a\nb\n"))
			require.NoError(t, err)
			assert.Equal(t, "got a\ngot b\n", read(t, resp))
			return
		}
		out, in := io.Pipe()
		go fmt.Fprintln(in, "line 0")
		resp, err := p.front.Client().Do(request(t, http.MethodPost, p.front.URL, out))
		require.NoError(t, err)
		lines := bufio.NewReader(resp.Body)
		for i := range 3 {
			line, err := lines.ReadString('\n')
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprintln("got line", i), line)
			if i < 2 {
				fmt.Fprintln(in, "line", i+1)
			}
		}
		assert.EqualValues(t, 1, p.inFlight.Held())
		assert.NoError(t, in.Close())
		assert.Empty(t, read(t, resp))
	})
}

func TestAProxyGuardedOnBothSidesUpgrades(t *testing.T) {
	p := proxy(t, false, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		assert.NoError(t, rw.Flush())
		_, _ = io.Copy(conn, rw)
	})
	req := request(t, http.MethodGet, p.front.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := p.front.client(wrapper.Timeout(time.Minute)).Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	conn := resp.Body.(io.ReadWriteCloser)
	lines := bufio.NewReader(conn)
	for i := range 3 {
		fmt.Fprintln(conn, "ping", i)
		line, err := lines.ReadString('\n')
		assert.NoError(t, err)
		assert.Equal(t, fmt.Sprintln("ping", i), line)
		assert.EqualValues(t, 1, p.inFlight.Held(), "the proxy holds its permit as long as it copies")
	}
	assert.NoError(t, conn.Close())
	assert.NoError(t, p.inFlight.Acquire(t.Context(), 10), "it is back")
	assert.Equal(t, breaker.Closed, p.breaker.State())
}

func TestAProxyThatLosesItsServerOrItsClientGivesItsPermitBack(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		for _, lost := range []string{"server", "client"} {
			t.Run(lost, func(t *testing.T) {
				p := proxy(t, http2, func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, "half")
					_ = http.NewResponseController(w).Flush()
					if lost == "server" {
						panic(http.ErrAbortHandler)
					}
					<-r.Context().Done()
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp, err := p.front.Client().Do(request(t, http.MethodGet, p.front.URL, nil).WithContext(ctx))
				require.NoError(t, err)
				head := make([]byte, 4)
				_, err = io.ReadFull(resp.Body, head)
				assert.NoError(t, err)
				want := breaker.Open
				if lost == "client" {
					cancel()
					want = breaker.Closed
				}
				_, err = io.ReadAll(resp.Body)
				assert.Error(t, err, "half an answer is no answer")
				assert.NoError(t, resp.Body.Close())
				assert.NoError(t, p.inFlight.Acquire(t.Context(), 10), "the permit is back")
				assert.Equal(t, want, p.breaker.State(), "who hung up?")
			})
		}
	})
}
