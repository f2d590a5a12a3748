// Package httplimit limits HTTP requests: those that a server takes, for each
// client, and those that a client sends.
//
// # Servers
//
// [Middleware] answers 429 Too Many Requests where a client asks too often, with
// Retry-After, and tells every client where it stands in the RateLimit and
// RateLimit-Policy fields ("RateLimit header fields for HTTP",
// draft-ietf-httpapi-ratelimit-headers). By default a client is an address; see
// [ClientAddr] for servers behind proxies, and [Key] for other keys, such as a user.
//
// X-Forwarded-For is never believed blindly: whoever sends a request can write what
// it likes into it. Only the entries that proxies of yours have added count, and
// their number must be given.
//
// # Clients
//
// A [Transport] waits for a limiter before it sends a request, and learns from the
// answers: from RateLimit fields how much is left, from 429 and 503 with Retry-After
// when to go on.
//
// # Non-goals
//
// The middleware does not bound how many requests run at the same time, and the
// transport does not send a refused request again. Packages semaphore and retry do.
package httplimit
