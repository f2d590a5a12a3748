package httplimit

import (
	"fmt"
	"iter"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

// seconds returns a delay in whole seconds, rounded up so that it is not too early;
// "" if there is none, or if it never ends.
func seconds(d time.Duration) string {
	if d <= 0 || d == ratelimit.Never {
		return ""
	}
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return strconv.FormatInt(n, 10)
}

// integer returns a number as a field can hold it (RFC 9651, "Structured Field Values
// for HTTP", section 3.3.1).
func integer(n int) int { return int(min(max(int64(n), 0), 999_999_999_999_999)) }

// describe sets the RateLimit fields.
func (c *config) describe(h http.Header, d ratelimit.Decision) {
	if c.quiet {
		return
	}
	policy := fmt.Sprintf("%s;q=%d", c.policy, integer(d.Limit))
	if c.window > 0 {
		policy += ";w=" + seconds(c.window)
	}
	h.Add("RateLimit-Policy", policy)
	state := fmt.Sprintf("%s;r=%d", c.policy, integer(d.Remaining))
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
	var old report // the form of draft 7 has its parts in items of their own
	for _, line := range h.Values("RateLimit") {
		for item := range split(line, ',') {
			r.least(item)
			old.part(item)
		}
	}
	if !r.known {
		r.remaining, r.reset, r.known = old.remaining, old.reset, old.known
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

// least reads an item of a RateLimit field, such as "default";r=50;t=30. Of several
// limits the one with the least left counts, and of those the one that is longest.
func (r *report) least(item string) {
	var this report
	for part := range split(item, ';') {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, ok := number(value)
		switch {
		case ok && name == "r":
			this.remaining, this.known = int(n/time.Second), true
		case ok && name == "t":
			this.reset = n
		}
	}
	switch {
	case !this.known || r.known && this.remaining > r.remaining:
	case !r.known || this.remaining < r.remaining || this.reset > r.reset:
		r.remaining, r.reset, r.known = this.remaining, this.reset, true
	}
}

// part reads an item of an older RateLimit field, such as remaining=50.
func (r *report) part(item string) {
	name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
	n, ok := number(value)
	switch {
	case ok && name == "remaining":
		r.remaining, r.known = int(n/time.Second), true
	case ok && name == "reset":
		r.reset = n
	}
}

// split cuts s at each sep that is not in a quoted string.
func split(s string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == sep && !quoted:
				if !yield(s[begin:i]) {
					return
				}
				begin = i + 1
			}
		}
		yield(s[begin:])
	}
}

// longest is more than any server means.
const longest = 100 * 365 * 24 * time.Hour

// number reads a number of seconds of digits, perhaps with a fraction, and is at most
// longest. It reports false for all else, such as inf, -1 and 1e9.
func number(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	whole, fraction, dotted := strings.Cut(s, ".")
	if !digits(whole) || dotted && !digits(fraction) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n >= longest.Seconds() { // out of range is the only error left
		return longest, true
	}
	return time.Duration(math.Ceil(n * float64(time.Second))), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// delay reads a delay: a number of seconds, a time in seconds or milliseconds since
// 1970, or a date. It returns 0 for none.
func delay(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		const epoch, millis = 1_000_000_000, 100_000_000_000 // no delay, and no time in seconds, is so large
		switch {
		case n >= millis:
			return max(time.UnixMilli(n).Sub(now), 0)
		case n >= epoch:
			return max(time.Unix(n, 0).Sub(now), 0)
		}
	}
	if d, ok := number(s); ok {
		return d
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
