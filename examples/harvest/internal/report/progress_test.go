package report_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/examples/harvest/internal/report"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

// growing stores 50 documents a second, and knows the total after the first.
func growing() report.Progress {
	start := time.Now()
	return report.Progress{
		Counts: func() tally.Counts {
			return tally.Counts{Stored: int64(time.Since(start) / (20 * time.Millisecond)), Retries: 3, ParseErrors: 1, Breaker: "closed"}
		},
		Total: func() int64 {
			if time.Since(start) <= time.Second {
				return 0
			}
			return 200
		},
	}
}

func TestALineASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		var b strings.Builder
		report.Lines(ctx, &b, growing())
		assert.Equal(t, "   1s  51/? files  50 documents  50/s  3 retries  breaker closed\n"+
			"   2s  101/200 files  100 documents  50/s  3 retries  breaker closed\n", b.String())
	})
}

func TestTheBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var b strings.Builder
		report.Bar(ctx, &b, growing())
		got := b.String()
		assert.Contains(t, got, "(151/200)")
		assert.Contains(t, got, "150 documents  50/s  3 retries  breaker closed")
		assert.True(t, strings.HasSuffix(got, "\n"))
		assert.Equal(t, 1, strings.Count(got, "\n"), "one line, drawn over and over")
	})
}

func TestABarThatHasNoTotalYetDrawsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var b strings.Builder
		report.Bar(ctx, &b, growing())
		assert.Equal(t, "\n", b.String())
	})
}
