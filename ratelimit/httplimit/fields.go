package httplimit

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

// seconds returns a delay in whole seconds, rounded up so that it is not too early;
// "" if it never ends.
func seconds(d time.Duration) string {
	if d == ratelimit.Never {
		return ""
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// describe sets the RateLimit fields.
func (c *config) describe(h http.Header, d ratelimit.Decision) {
	if c.quiet {
		return
	}
	policy := fmt.Sprintf("%s;q=%d", c.policy, d.Limit)
	if c.window > 0 {
		policy += ";w=" + seconds(c.window)
	}
	h.Add("RateLimit-Policy", policy)
	state := fmt.Sprintf("%s;r=%d", c.policy, d.Remaining)
	if s := seconds(d.ResetAfter); s != "" {
		state += ";t=" + s
	}
	h.Add("RateLimit", state)
}

// report is what an answer says of the server's limit.
type report struct {
	remaining int
	reset     time.Duration // 0: unknown
	known     bool
	retry     time.Duration // 0: none
}

// read returns what the fields of an answer say. Now is the present time, for an
// answer without a Date.
func read(h http.Header, now time.Time) (r report) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // times are the server's: by its clock
	}
	r.retry = delay(h.Get("Retry-After"), now)
	for _, line := range h.Values("RateLimit") {
		for item := range strings.SplitSeq(line, ",") {
			r.least(item)
		}
	}
	if r.known {
		return r
	}
	// Older drafts, and what came before them.
	for _, prefix := range []string{"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"} {
		n, err := strconv.Atoi(strings.TrimSpace(h.Get(prefix + "Remaining")))
		if err == nil && n >= 0 {
			r.remaining, r.known = n, true
			r.reset = delay(h.Get(prefix+"Reset"), now)
			return r
		}
	}
	return r
}

// least reads an item of a RateLimit field, such as "default";r=50;t=30, or a part
// of an older one, such as remaining=50. Of several limits the one with the least
// left counts.
func (r *report) least(item string) {
	left, reset, known := 0, time.Duration(0), false
	for part := range strings.SplitSeq(item, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < 0 {
			continue
		}
		switch name {
		case "r", "remaining":
			left, known = n, true
		case "t", "reset":
			reset = span(n)
		}
	}
	switch {
	case known && (!r.known || left < r.remaining):
		r.remaining, r.known = left, true
		if reset > 0 {
			r.reset = reset
		}
	case !known && reset > 0 && r.reset == 0: // the older form has it apart
		r.reset = reset
	}
}

// delay reads a delay: a number of seconds, a time in seconds since 1970, or a date.
// It returns 0 for none.
func delay(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.Atoi(s); err == nil {
		const epoch = 1_000_000_000 // more seconds than that are no delay
		if n >= epoch {
			return max(time.Unix(int64(n), 0).Sub(now), 0)
		}
		return span(n)
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

func span(seconds int) time.Duration {
	return time.Duration(min(max(int64(seconds), 0), 1<<32)) * time.Second
}
