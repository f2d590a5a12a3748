package httpguard

import (
	"net/http"
	"time"
)

// RetryAfter is what a header asks for.
func RetryAfter(h http.Header) time.Duration { return retryAfter(h) }
