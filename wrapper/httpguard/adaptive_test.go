package httpguard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// knee is a handler that answers in 50 ms as long as it does no more than 10
// things at once, 200 requests a second, and ever slower beyond. Nobody tells
// the semaphore so.
type knee struct {
	mu      sync.Mutex
	running int
}

func (k *knee) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	k.mu.Lock()
	k.running++
	d := 50 * time.Millisecond * time.Duration(max(k.running, 10)) / 10
	k.mu.Unlock()
	time.Sleep(d)
	k.mu.Lock()
	k.running--
	k.mu.Unlock()
	fmt.Fprint(w, "ok")
}

func TestAnAdaptiveSemaphoreShedsWhatAServerCannotBear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adaptive := semaphore.NewAdaptive(2, 500, semaphore.MaxWaiters(20))
		h := httpguard.Handler(wrapper.Compose(adaptive), &knee{})
		var mu sync.Mutex
		var wg sync.WaitGroup
		good, shed, begin := 0, 0, time.Now()
		for range 60 * 400 { // a minute of 400 requests a second
			wg.Go(func() {
				sent := time.Now()
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
				mu.Lock()
				defer mu.Unlock()
				switch took := time.Since(sent); {
				case sent.Sub(begin) < 30*time.Second: // it is learning
				case rec.Code == http.StatusServiceUnavailable:
					shed++
				case took <= 300*time.Millisecond:
					good++
				}
			})
			time.Sleep(2500 * time.Microsecond)
		}
		wg.Wait()
		assert.Greater(t, good, 30*200*7/10, "good answers in 30 s, of 6000 that could be")
		assert.Greater(t, shed, 30*100, "refused, of 6000 too many")
		assert.Less(t, adaptive.Limit(), int64(20))
	})
}
