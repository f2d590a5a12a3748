package job_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/index"
	"github.com/weirkit/weir/examples/harvest/internal/job"
)

// tree has n good files and two broken ones.
func tree(n int) fstest.MapFS {
	t := fstest.MapFS{}
	for i := range n {
		t[fmt.Sprintf("p%d/f%03d.go", i%7, i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "package p%d\n\nvar V%d int\n", i%7, i)}
	}
	t["p0/testdata/bad1.go"] = &fstest.MapFile{Data: []byte("package p; func {")}
	t["p1/testdata/bad2.go"] = &fstest.MapFile{Data: []byte("no Go")}
	return t
}

// service starts the index service with the faults of a profile and a seed.
func service(t *testing.T, profile string, seed uint64) *index.Server {
	t.Helper()
	p, err := fault.Named(profile)
	require.NoError(t, err)
	store, err := index.Open(filepath.Join(t.TempDir(), "index"))
	require.NoError(t, err)
	server, err := index.Start(store, fault.NewSchedule(p, seed))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, server.Close(context.WithoutCancel(t.Context())))
		assert.NoError(t, store.Close())
	})
	return server
}

// config is of a small, fast job.
func config(t *testing.T, url string, files int) job.Config {
	t.Helper()
	c := client.New(url, 4)
	t.Cleanup(c.Close)
	return job.Config{
		Tree:   tree(files),
		Client: c,
		Limits: job.Limits{Rate: 500, Burst: 4, Concurrency: 4},
		Batch:  2,
		GiveUp: 20 * time.Second,
		Log:    zaptest.NewLogger(t),
	}
}

func TestEveryDocumentOnce(t *testing.T) {
	j := job.New(config(t, service(t, "none", 1).URL(), 41))
	r, err := j.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, &job.Check{Expected: 41, Once: 41}, r.Check)
	c := r.Counts
	assert.Equal(t, []int64{43, 2, 41, 41, 41}, []int64{c.Files, c.ParseErrors, c.Documents, c.Sent, c.Stored})
	assert.Equal(t, []int64{0, 0, 0, 0, 0}, []int64{c.Retries, c.Rejections, c.Returned, c.Lost, c.Openings})
	assert.Equal(t, int64(43), j.Total())
	assert.False(t, r.Stopped)
	assert.Positive(t, c.P99)
}

// TestHarshFaultsDelayDocumentsAndLoseNone runs into an outage of more than a
// second, errors, dropped connections and slow answers, with five seeds.
func TestHarshFaultsDelayDocumentsAndLoseNone(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			server := service(t, "harsh", seed)
			r, err := job.New(config(t, server.URL(), 80)).Run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, &job.Check{Expected: 80, Once: 80}, r.Check)
			assert.Equal(t, int64(80), r.Counts.Stored)
			assert.Zero(t, r.Counts.Lost)
			assert.Positive(t, r.Counts.Retries)
			assert.Positive(t, r.Counts.Openings, "the outage opens the breaker")
			assert.Greater(t, r.Counts.Open, 300*time.Millisecond)
			assert.Equal(t, 1, server.Faults().Outages)
			assert.Equal(t, r.Counts.Attempts, server.Faults().Requests, "every attempt is counted")
		})
	}
}

func TestTheNaiveJobLosesDocuments(t *testing.T) {
	j := job.New(config(t, service(t, "harsh", 1).URL(), 80))
	r, err := j.RunNaive(t.Context())
	require.NoError(t, err)
	assert.False(t, r.Check.OK())
	assert.Positive(t, r.Check.Missing)
	assert.Zero(t, r.Check.Multiple)
	assert.GreaterOrEqual(t, r.Counts.Lost, int64(r.Check.Missing), "an answer may be lost whose batch is stored")
	assert.Equal(t, int64(80), r.Counts.Stored+r.Counts.Lost)
	assert.Equal(t, int64(2), r.Counts.ParseErrors)
}

func TestTheNaiveJobIsFineWithoutFaults(t *testing.T) {
	r, err := job.New(config(t, service(t, "none", 1).URL(), 40)).RunNaive(t.Context())
	require.NoError(t, err)
	assert.True(t, r.Check.OK(), "%+v", r.Check)
}

// answering is a service that answers every post so, and counts them.
func answering(t *testing.T, post http.HandlerFunc) (string, *atomic.Int64) {
	t.Helper()
	posts := &atomic.Int64{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /documents", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /documents", func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		post(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, posts
}

func TestABatchIsGivenUpWhenItsTimeIsOver(t *testing.T) {
	url, _ := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	c := config(t, url, 10)
	c.GiveUp = 2 * time.Second // longer than the guard tries by itself
	r, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(10), r.Counts.Lost)
	assert.Positive(t, r.Counts.Returned, "it was tried again first")
	assert.Equal(t, 10, r.Check.Missing)
	assert.GreaterOrEqual(t, r.Elapsed, c.GiveUp)
}

func TestAWrongRequestIsNotRepeated(t *testing.T) {
	url, posts := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) })
	c := config(t, url, 40)
	r, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(40), r.Counts.Lost)
	assert.Equal(t, r.Counts.Attempts, posts.Load())
	assert.Equal(t, []int64{0, 0, 0}, []int64{r.Counts.Retries, r.Counts.Returned, r.Counts.Openings})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var refused, again atomic.Int64 // UnixNano
	url, _ := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		if refused.CompareAndSwap(0, time.Now().UnixNano()) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		again.Store(time.Now().UnixNano())
		_, _ = w.Write([]byte(`{"stored":1}`))
	})
	r, err := job.New(config(t, url, 1)).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(1), r.Counts.Retries)
	assert.GreaterOrEqual(t, time.Duration(again.Load()-refused.Load()), time.Second)
}

func TestAStopKeepsWhatThereIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var posts atomic.Int64
	url, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) < 5 {
			_, _ = w.Write([]byte(`{"stored":2}`))
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice a client that leaves
		cancel()                           // and no answer to this one
		<-r.Context().Done()
	})
	r, err := job.New(config(t, url, 400)).Run(ctx)
	require.NoError(t, err)
	assert.True(t, r.Stopped)
	assert.Nil(t, r.Check)
	assert.LessOrEqual(t, r.Counts.Stored, int64(8))
	assert.Positive(t, r.Counts.Stored)
}

func TestAStoppedNaiveJob(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := job.New(config(t, service(t, "none", 1).URL(), 20)).RunNaive(ctx)
	require.NoError(t, err)
	assert.True(t, r.Stopped)
	assert.Zero(t, r.Counts.Stored)
}

// noTree cannot be read at all.
type noTree struct{}

func (noTree) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestATreeThatCannotBeWalkedIsAnError(t *testing.T) {
	c := config(t, service(t, "none", 1).URL(), 1)
	c.Tree = noTree{}
	_, err := job.New(c).Run(t.Context())
	require.ErrorIs(t, err, fs.ErrPermission)
	_, err = job.New(c).RunNaive(t.Context())
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestAServiceThatCannotBeAskedIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.Error(w, "no list here", http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"stored":2}`))
	}))
	defer server.Close()
	c := config(t, server.URL, 2)
	r, err := job.New(c).Run(t.Context())
	c.Client.Close()
	require.ErrorContains(t, err, "the service does not say what it has")
	assert.Nil(t, r.Check)
}
