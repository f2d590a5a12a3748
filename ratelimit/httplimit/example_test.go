package httplimit_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/httplimit"
)

func ExampleMiddleware() {
	store := ratelimit.NewStore(ratelimit.NewKeyed[string](ratelimit.PerMinute(1), 1))
	limit := httplimit.Middleware(store, httplimit.Policy("hello", time.Minute))
	hello := limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))

	for range 2 {
		w := httptest.NewRecorder()
		hello.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"), w.Header().Get("Retry-After") != "")
	}
	// Output:
	// 200 "hello";q=1;w=60 false
	// 429 "hello";q=1;w=60 true
}

func ExampleNewTransport() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	// Waits for the limiter, and slows down when the server answers 429.
	limiter := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(100))
	client := &http.Client{Transport: httplimit.NewTransport(server.Client().Transport, limiter)}
	res, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	fmt.Println(res.StatusCode)
	// Output:
	// 404
}
