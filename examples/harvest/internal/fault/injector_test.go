package fault_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
)

// all makes one fault happen to every request.
func all(set func(*fault.Profile)) fault.Schedule {
	p := fault.Profile{SlowMin: time.Millisecond, SlowMax: 2 * time.Millisecond}
	set(&p)
	return fault.NewSchedule(p, 1)
}

// serve runs a handler that counts its calls behind an injector and sends one
// request over a real connection.
func serve(t *testing.T, s fault.Schedule) (*http.Response, string, int64, error) {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(fault.NewInjector(s, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("X-Work", "done")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "stored")
	})))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	resp, err := server.Client().Post(server.URL, "text/plain", nil)
	if err != nil {
		return nil, "", calls.Load(), err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body), calls.Load(), nil
}

func TestWhatEachFaultDoes(t *testing.T) {
	tests := []struct {
		name    string
		set     func(*fault.Profile)
		status  int // 0: no answer
		after   string
		worked  int64
		content string
	}{
		{"none", func(*fault.Profile) {}, 201, "", 1, "stored"},
		{"slow", func(p *fault.Profile) { p.Slow = 1 }, 201, "", 1, "stored"},
		{"503", func(p *fault.Profile) { p.Unavailable = 1 }, 503, "1", 0, "busy, come back later\n"},
		{"500", func(p *fault.Profile) { p.Internal = 1 }, 500, "", 0, "something broke\n"},
		{"drop before", func(p *fault.Profile) { p.DropBefore = 1 }, 0, "", 0, ""},
		{"drop after", func(p *fault.Profile) { p.DropAfter = 1 }, 0, "", 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, worked, err := serve(t, all(tt.set))
			assert.Equal(t, tt.worked, worked, "how often the work was done")
			if tt.status == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.after, resp.Header.Get("Retry-After"))
			assert.Equal(t, tt.content, body)
		})
	}
}

// dropped reports whether a request got no answer.
func dropped(h http.Handler) (gone bool) {
	defer func() {
		err, _ := recover().(error)
		gone = errors.Is(err, http.ErrAbortHandler)
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	return false
}

func TestAnOutageBeginsAtItsRequestAndEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fault.NewSchedule(fault.Profile{Outages: []fault.Outage{{At: 3, For: time.Second}, {At: 4, For: time.Minute}}}, 1)
		i := fault.NewInjector(s, http.NotFoundHandler())
		assert.False(t, dropped(i))
		assert.False(t, dropped(i))
		assert.True(t, dropped(i), "request 3 begins the first")
		time.Sleep(time.Second - 1)
		assert.True(t, dropped(i), "a nanosecond before its end; the second waits for it")
		time.Sleep(time.Nanosecond)
		assert.True(t, dropped(i), "the second begins")
		time.Sleep(time.Minute)
		assert.False(t, dropped(i))
		assert.False(t, dropped(i), "there is no third")
		c := i.Counts()
		assert.Equal(t, int64(7), c.Requests)
		assert.Equal(t, int64(3), c.InOutage)
		assert.Equal(t, 2, c.Outages)
		assert.Equal(t, map[fault.Kind]int64{fault.None: 4}, c.ByKind)
	})
}

func TestASlowAnswerEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fault.NewSchedule(fault.Profile{Slow: 1, SlowMin: time.Hour, SlowMax: 2 * time.Hour}, 1)
		i := fault.NewInjector(s, http.NotFoundHandler())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		i.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
		assert.Equal(t, time.Second, time.Since(start))
	})
}
