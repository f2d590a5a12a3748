package httpguard_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/wrapper/httpguard"
)

func TestRetryAfterIsReadAsSecondsOrAsADateAndClamped(t *testing.T) {
	tests := []struct {
		name, value, date string
		want              time.Duration
	}{
		{"none", "", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"spaces", " 3 ", "", 3 * time.Second},
		{"a fraction, which is not allowed but meant", "1.5", "", 1500 * time.Millisecond},
		{"zero", "0", "", 0},
		{"negative", "-5", "", 0},
		{"endless", "99999999999999999999", "", 24 * time.Hour},
		{"more than a float holds", "1" + strings.Repeat("0", 400), "", 24 * time.Hour},
		{"infinite, which is no number of seconds", "inf", "", 0},
		{"infinity", "+Infinity", "", 0},
		{"an exponent", "1e3", "", 0},
		{"hexadecimal", "0x10p4", "", 0},
		{"a sign", "+5", "", 0},
		{"dots", "1.2.3", "", 0},
		{"a date that has passed by the server's clock", "Sat, 01 Jan 2005 00:00:10 GMT", "Sat, 01 Jan 2005 00:00:20 GMT", 0},
		{"not a number", "NaN", "", 0},
		{"nonsense", "soon", "", 0},
		{"a date", "Sat, 01 Jan 2000 00:00:30 GMT", "", 30 * time.Second},
		{"a date long past", "Fri, 31 Dec 1999 00:00:00 GMT", "", 0},
		{"a date far ahead", "Sat, 01 Jan 2050 00:00:00 GMT", "", 24 * time.Hour},
		{"by the server's clock", "Sat, 01 Jan 2005 00:00:10 GMT", "Sat, 01 Jan 2005 00:00:00 GMT", 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it is the year 2000
				h := http.Header{}
				if tt.value != "" {
					h.Set("Retry-After", tt.value)
				}
				if tt.date != "" {
					h.Set("Date", tt.date)
				}
				assert.Equal(t, tt.want, httpguard.RetryAfter(h))
			})
		})
	}
}
