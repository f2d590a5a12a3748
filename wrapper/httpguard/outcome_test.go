package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

func TestOutcomeTellsTooMuchFromBroken(t *testing.T) {
	status := func(code int) error { return fmt.Errorf("get: %w", &httpguard.StatusError{StatusCode: code}) }
	tests := []struct {
		name string
		err  error
		want semaphore.Outcome
	}{
		{"an answer", nil, semaphore.Success},
		{"too many requests", status(http.StatusTooManyRequests), semaphore.Dropped},
		{"unavailable", status(http.StatusServiceUnavailable), semaphore.Dropped},
		{"a gateway that waited", status(http.StatusGatewayTimeout), semaphore.Dropped},
		{"a bug of the server", status(http.StatusInternalServerError), semaphore.Ignored},
		{"a gateway without a server", status(http.StatusBadGateway), semaphore.Ignored},
		{"our timeout", wrapper.ErrTimeout, semaphore.Dropped},
		{"a deadline", context.DeadlineExceeded, semaphore.Dropped},
		{"a timeout of the network", &net.DNSError{IsTimeout: true}, semaphore.Dropped},
		{"no such host", &net.DNSError{IsNotFound: true}, semaphore.Ignored},
		{"a caller who gave up", context.Canceled, semaphore.Ignored},
		{"refused here", breaker.ErrOpen, semaphore.Ignored},
		{"anything else", errors.New("x"), semaphore.Ignored},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, httpguard.Outcome(tt.err)) })
	}
}

// The server does 10 things at once in 50 ms each, and says 503 at once to more.
// Its latency tells nobody where that is. The highest limit of the last 10 of 20
// seconds is returned.
func highestLimit(t *testing.T, adaptive *semaphore.Adaptive) int64 {
	t.Helper()
	var running atomic.Int64
	server := roundTrip(func(*http.Request) (*http.Response, error) {
		defer running.Add(-1)
		if running.Add(1) > 10 {
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Header: http.Header{}}, nil
		}
		time.Sleep(50 * time.Millisecond)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}}, nil
	})
	c := httpguard.Transport(wrapper.Compose(adaptive), server)
	var wg sync.WaitGroup
	begin, highest := time.Now(), int64(0)
	for range 60 { // clients that ask again
		wg.Go(func() {
			for time.Since(begin) < 20*time.Second {
				resp, err := c.RoundTrip(request(t, http.MethodGet, "http://x.test", nil))
				if !assert.NoError(t, err) {
					return
				}
				assert.NoError(t, resp.Body.Close())
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for time.Since(begin) < 20*time.Second {
		time.Sleep(time.Second)
		if time.Since(begin) > 10*time.Second {
			highest = max(highest, adaptive.Limit())
		}
	}
	wg.Wait()
	return highest
}

func TestAnAdaptiveSemaphoreHearsByOutcomeThatAServerSaysTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assert.GreaterOrEqual(t, highestLimit(t, semaphore.NewAdaptive(1, 500, semaphore.Initial(40))), int64(40),
			"without it, latency alone says that all is well")
		assert.LessOrEqual(t, highestLimit(t, semaphore.NewAdaptive(1, 500, semaphore.Initial(40), semaphore.Outcomes(httpguard.Outcome))), int64(20))
	})
}
