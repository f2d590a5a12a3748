package httpguard_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

func TestAHostWhoseCertificateIsWrongIsNotAskedAgain(t *testing.T) {
	var handshakes atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was trusted") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			handshakes.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	base := &http.Transport{} // does not know who made the server's certificate
	defer base.CloseIdleConnections()
	_, err := httpguard.Transport(wrapper.Compose(retries(3)), base).RoundTrip(request(t, http.MethodGet, s.URL, nil)) //nolint:bodyclose // there is none
	var wrong *tls.CertificateVerificationError
	assert.ErrorAs(t, err, &wrong)
	assert.EqualValues(t, 1, handshakes.Load())
	b := breaker.New(breaker.ConsecutiveFailures(1))
	_, err = httpguard.Transport(wrapper.Compose(b), base).RoundTrip(request(t, http.MethodGet, s.URL, nil)) //nolint:bodyclose // there is none
	assert.ErrorAs(t, err, &wrong)
	assert.Equal(t, breaker.Open, b.State(), "it is a failure nevertheless")
}

func TestTheKeyOfAHostIsTheSameHoweverItIsSpelled(t *testing.T) {
	tests := []struct{ url, want string }{
		{"http://api.example/", "api.example"},
		{"http://API.Example/", "api.example"},
		{"http://api.example:80/", "api.example"},
		{"https://api.example:443/", "api.example"},
		{"https://api.example:/", "api.example"},
		{"HTTPS://api.example:443/", "api.example"},
		{"http://api.example:443/", "api.example:443"},
		{"https://api.example:80/", "api.example:80"},
		{"http://api.example:8080/", "api.example:8080"},
		{"http://[::1]:80/", "[::1]"},
		{"http://[FE80::1]/", "[fe80::1]"},
		{"http://user:80@api.example/", "api.example"},
		{"http://bücher.example/", "bücher.example"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			var keys []string
			k := wrapper.NewKeyed(func(host string) []wrapper.Layer { keys = append(keys, host); return nil })
			look := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
				o, _ := wrapper.OverrideOf(ctx)
				keys = append(keys, fmt.Sprint(o.Key))
				return next(ctx)
			})
			for _, tr := range []*httpguard.RoundTripper{
				httpguard.PerHost(k, answers(http.NoBody)), httpguard.Transport(wrapper.Compose(look), answers(http.NoBody)),
			} {
				req := request(t, http.MethodGet, tt.url, nil)
				resp, err := tr.RoundTrip(req)
				require.NoError(t, err)
				assert.NoError(t, resp.Body.Close())
			}
			assert.Equal(t, []string{tt.want, tt.want}, keys)
		})
	}
}
