// Package httpguard puts a wrapper around HTTP: around the requests that a client
// sends, and around the handler that a server runs. It uses net/http alone.
//
// # Choosing
//
//   - [Transport] is a RoundTripper for an [http.Client]: retries, timeouts, a
//     breaker and limits for every request, without a change to the code that
//     makes them. [PerHost] has a wrapper for each host.
//   - [Handler] is a handler around another: requests that a layer refuses are
//     answered with 429 or 503 and a Retry-After header, at once, and without
//     running the handler.
//   - [Outcome] tells a semaphore that finds its limit which failures mean that
//     there is too much to do.
//
// # Guarantees
//
// A request is tried again only if it is safe to: its method is idempotent or it
// has an Idempotency-Key, and its body can be had again from GetBody. Statuses
// 429 and 500 and above are failures for the layers, and still responses for the
// caller: the last one is returned, its body readable. Responses that are not
// returned are drained and closed. A timeout goes on until the body of the
// response is closed, and ends then.
//
// A handler's panic passes through with every permit returned. Streaming,
// flushing, hijacking and upgrades work as without the guard.
//
// # Non-goals
//
// A permit is held until the header of a response is there, not while its body
// is read. Nothing here caches, follows redirects or balances load.
//
// # Example
//
//	w, err := wrapper.New(wrapper.Config{MaxConcurrency: 20, RetryAttempts: 3, Timeout: 10 * time.Second})
//	...
//	client := &http.Client{Transport: httpguard.Transport(w, nil)}
package httpguard
