package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/index"
)

// answering returns a client of a server that always answers so.
func answering(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := client.New(server.URL, 2)
	t.Cleanup(c.Close)
	return c
}

func TestAgainstTheService(t *testing.T) {
	store, err := index.Open(filepath.Join(t.TempDir(), "index"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, store.Close()) }()
	server, err := index.Start(store, fault.Schedule{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, server.Close(t.Context())) }()
	c := client.New(server.URL(), 2)
	defer c.Close()

	docs := []document.Document{{Path: "a.go"}, {Path: "b.go"}}
	got, err := c.Post(t.Context(), docs)
	require.NoError(t, err)
	assert.Equal(t, index.Receipt{Stored: 2}, got)
	got, err = c.Post(t.Context(), docs[1:])
	require.NoError(t, err)
	assert.Equal(t, index.Receipt{Known: 1}, got)
	count, err := c.Count(t.Context())
	require.NoError(t, err)
	assert.Equal(t, index.Count{Documents: 2, Records: 2}, count)
	copies, err := c.Copies(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"a.go": 1, "b.go": 1}, copies)
}

func TestAnAnswerThatIsNotOK(t *testing.T) {
	soon := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	tests := []struct {
		status    int
		header    string
		min, max  time.Duration
		permanent bool
	}{
		{500, "", 0, 0, false},
		{503, "2", 2 * time.Second, 2 * time.Second, false},
		{503, soon, 50 * time.Second, time.Minute, false},
		{503, "Thu, 01 Jan 1970 00:00:00 GMT", 0, 0, false},
		{429, "-3", 0, 0, false},
		{429, "soon", 0, 0, false},
		{429, "2000000000", time.Hour, time.Hour, false},
		{408, "", 0, 0, false},
		{400, "", 0, 0, true},
		{404, "1", time.Second, time.Second, true},
		{413, "", 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.header), func(t *testing.T) {
			c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.header)
				http.Error(w, "no", tt.status)
			})
			_, err := c.Post(t.Context(), nil)
			var status *client.StatusError
			require.ErrorAs(t, err, &status)
			assert.Equal(t, tt.status, status.Status)
			assert.Equal(t, tt.permanent, status.Permanent())
			assert.GreaterOrEqual(t, status.RetryAfter(), tt.min)
			assert.LessOrEqual(t, status.RetryAfter(), tt.max)
			assert.EqualError(t, err, fmt.Sprintf("client: POST /documents: %d no", tt.status))
		})
	}
}

func TestAReceiptForOtherDocumentsIsAnError(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"stored":1}`)) })
	_, err := c.Post(t.Context(), []document.Document{{Path: "a.go"}, {Path: "b.go"}})
	require.EqualError(t, err, "client: sent 2 documents, the receipt is for 1")
}

func TestAnAnswerThatIsNoJSONIsAnError(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) })
	_, err := c.Count(t.Context())
	require.ErrorContains(t, err, "client: answer to GET /count")
	_, err = c.Copies(t.Context())
	require.ErrorContains(t, err, "client: answer to GET /documents")
}

func TestACallEndsWithItsContext(t *testing.T) {
	c := answering(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Count(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
