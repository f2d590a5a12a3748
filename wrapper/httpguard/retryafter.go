package httpguard

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest wait that a Retry-After header is taken to ask for. How
// long is waited at most is for the retry policy to say.
const maxWait = 24 * time.Hour

// retryAfter returns what a Retry-After header asks for, as seconds or as a
// date (RFC 9110, section 10.2.3), between 0 and a day; 0 for what is neither. A date is compared with
// that of the response itself where it has one: the clocks of client and server
// may differ.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789.") == "" { // no sign, exponent, "inf" or the like
		seconds, _ := strconv.ParseFloat(value, 64) // infinite if there are too many digits, 0 if dots
		return time.Duration(min(seconds*float64(time.Second), float64(maxWait)))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	wait := time.Until(at)
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		wait = at.Sub(sent)
	}
	return min(max(wait, 0), maxWait)
}

// retryAfterSeconds is d for a Retry-After header: whole seconds, at least 1,
// rounded up so that nobody comes too early.
func retryAfterSeconds(d time.Duration) string {
	seconds := (min(d, maxWait) + time.Second - 1) / time.Second
	return strconv.FormatInt(int64(max(seconds, 1)), 10)
}
