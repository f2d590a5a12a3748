package index_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/index"
)

// service starts a service on a file; p is what goes wrong.
func service(t *testing.T, path string, p fault.Profile) *index.Server {
	t.Helper()
	v, err := index.Start(open(t, path), fault.NewSchedule(p, 1))
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		assert.NoError(t, v.Close(context.WithoutCancel(t.Context())))
	})
	return v
}

func send(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestTheService(t *testing.T) {
	v := service(t, filepath.Join(t.TempDir(), "index"), fault.Profile{})
	body, err := json.Marshal(index.Batch{Documents: docs("b.go", "a.go")})
	require.NoError(t, err)
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"nothing yet", "GET", "/count", "", 200, `{"documents":0,"records":0}` + "\n"},
		{"a batch", "POST", "/documents", string(body), 200, `{"stored":2,"known":0}` + "\n"},
		{"the same batch", "POST", "/documents", string(body), 200, `{"stored":0,"known":2}` + "\n"},
		{"an empty batch", "POST", "/documents", `{}`, 200, `{"stored":0,"known":0}` + "\n"},
		{"counted", "GET", "/count", "", 200, `{"documents":2,"records":2}` + "\n"},
		{"listed", "GET", "/documents", "", 200, `{"path":"a.go","copies":1}` + "\n" + `{"path":"b.go","copies":1}` + "\n"},
		{"no JSON", "POST", "/documents", `{`, 400, "no batch of documents: unexpected EOF\n"},
		{"no path", "POST", "/documents", `{"documents":[{"path":"c.go"},{}]}`, 400, "document 1 has no path\n"},
		{"the bad batch left nothing", "GET", "/count", "", 200, `{"documents":2,"records":2}` + "\n"},
		{"another method", "DELETE", "/documents", "", 405, "Method Not Allowed\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := send(t, tt.method, v.URL()+tt.path, tt.body)
			assert.Equal(t, tt.status, status)
			assert.Equal(t, tt.want, text)
		})
	}
}

func TestATooLargePostIsRefused(t *testing.T) {
	v := service(t, filepath.Join(t.TempDir(), "index"), fault.Profile{})
	status, _ := send(t, "POST", v.URL()+"/documents", `{"documents":[{"path":"`+strings.Repeat("a", index.MaxBody)+`"}]}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func TestADroppedAnswerMayHaveBeenStored(t *testing.T) {
	v := service(t, filepath.Join(t.TempDir(), "index"), fault.Profile{DropAfter: 1})
	body, err := json.Marshal(index.Batch{Documents: docs("a.go")})
	require.NoError(t, err)
	for range 3 { // a client in doubt sends it again
		_, err = http.Post(v.URL()+"/documents", "application/json", strings.NewReader(string(body)))
		require.Error(t, err)
	}
	_, text := send(t, "GET", v.URL()+"/documents", "")
	assert.Equal(t, `{"path":"a.go","copies":1}`+"\n", text)
	assert.Equal(t, int64(3), v.Faults().ByKind[fault.DropAfter])
}

func TestGetsMeetNoFaults(t *testing.T) {
	v := service(t, filepath.Join(t.TempDir(), "index"), fault.Profile{DropBefore: 1})
	status, _ := send(t, "GET", v.URL()+"/count", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Zero(t, v.Faults().Requests)
}

func TestAStoreThatFailsIsA500AndStoresNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	s, err := index.Open(path)
	require.NoError(t, err)
	v, err := index.Start(s, fault.Schedule{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, v.Close(t.Context())) }()
	defer http.DefaultClient.CloseIdleConnections()
	require.NoError(t, s.Close())
	for _, r := range []struct{ method, path string }{{"POST", "/documents"}, {"GET", "/documents"}, {"GET", "/count"}} {
		status, text := send(t, r.method, v.URL()+r.path, `{"documents":[{"path":"a.go"}]}`)
		assert.Equal(t, http.StatusInternalServerError, status)
		assert.Contains(t, text, os.ErrClosed.Error())
	}
}

func TestCloseIsIdempotent(t *testing.T) {
	v, err := index.Start(open(t, filepath.Join(t.TempDir(), "index")), fault.Schedule{})
	require.NoError(t, err)
	require.NoError(t, v.Close(t.Context()))
	require.NoError(t, v.Close(t.Context()))
	_, err = http.Get(v.URL() + "/count")
	require.Error(t, err)
}
