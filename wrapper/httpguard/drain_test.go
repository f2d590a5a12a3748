package httpguard_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// endless is a body that never ends, and counts what is read of it.
type endless struct{ read, closed atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) { e.read.Add(int64(len(p))); return len(p), nil }
func (e *endless) Close() error               { e.closed.Add(1); return nil }

func TestNoMoreIsReadOfABodyThatIsThrownAwayThanANewConnectionCosts(t *testing.T) {
	tests := []struct {
		name   string
		length int64
	}{{"of unknown length", -1}, {"long", 1 << 30}, {"that says it is short", 100}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var bodies []*endless
			base := roundTrip(func(*http.Request) (*http.Response, error) {
				bodies = append(bodies, &endless{})
				return &http.Response{StatusCode: http.StatusBadGateway, ContentLength: tt.length, Body: bodies[len(bodies)-1], Header: http.Header{}}, nil
			})
			resp, err := httpguard.Transport(wrapper.Compose(retries(2)), base).RoundTrip(request(t, http.MethodGet, "http://x.test", nil))
			require.NoError(t, err)
			require.Len(t, bodies, 3)
			for _, b := range bodies[:2] {
				assert.LessOrEqual(t, b.read.Load(), int64(2*(64<<10)), "kept once, and thrown away")
				assert.Positive(t, b.read.Load(), "a short rest is worth reading")
				assert.Positive(t, b.closed.Load())
			}
			assert.Zero(t, bodies[2].closed.Load(), "the caller's")
			assert.NoError(t, resp.Body.Close())
			assert.EqualValues(t, 1, bodies[2].closed.Load())
		})
	}
}
