package httpguard_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

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
