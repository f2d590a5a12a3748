package httpguard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

func ExampleTransport() {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 3 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()

	w, err := wrapper.New(wrapper.Config{
		MaxConcurrency: 20,
		RetryAttempts:  3,
		RetryDelay:     time.Millisecond,
		Timeout:        10 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: httpguard.Transport(w, nil)}

	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), "after", calls, "requests")
	client.CloseIdleConnections()
	// Output: 200 hello after 3 requests
}

// A breaker for each host, and one bound for all of them.
func ExamplePerHost() {
	all := semaphore.New(100)
	hosts := wrapper.NewKeyed(func(string) []wrapper.Layer {
		return []wrapper.Layer{breaker.New(breaker.ConsecutiveFailures(5)), all}
	})
	client := &http.Client{Transport: httpguard.PerHost(hosts, nil)}
	fmt.Printf("%T\n", client.Transport)
	// Output: *httpguard.RoundTripper
}

// A client that finds how many requests at once a server takes, from how long they
// take and from the answers that say that it is too much.
func ExampleOutcome() {
	inFlight := semaphore.NewAdaptive(1, 200, semaphore.MaxWaiters(100), semaphore.Outcomes(httpguard.Outcome))
	client := &http.Client{Transport: httpguard.Transport(wrapper.Compose(wrapper.Timeout(5*time.Second), inFlight), nil)}
	fmt.Printf("%T begins with %d\n", client.Transport, inFlight.Limit())
	fmt.Println(httpguard.Outcome(&httpguard.StatusError{StatusCode: http.StatusServiceUnavailable}))
	// Output:
	// *httpguard.RoundTripper begins with 1
	// dropped
}

func ExampleHandler() {
	w := wrapper.Compose(semaphore.New(1, semaphore.MaxWaiters(0)))
	busy := make(chan struct{})
	h := httpguard.Handler(w, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		busy <- struct{}{}
		<-busy
	}))
	go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	<-busy // one request runs, and no more may

	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(answer.Code, "Retry-After:", answer.Header().Get("Retry-After"))
	busy <- struct{}{}
	// Output: 503 Retry-After: 1
}
