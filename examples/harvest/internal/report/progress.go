package report

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

// Progress is what the display asks for. Both functions are called from the
// goroutine of Bar or Lines.
type Progress struct {
	Counts func() tally.Counts
	Total  func() int64 // files in the tree; 0 while that is not known
}

// done is how many files are finished with, one way or the other.
func done(c tally.Counts) int64 { return c.Before + c.Stored + c.ParseErrors + c.Unreadable + c.Lost }

// Lines writes a line a second until ctx ends, for a log or a pipe.
func Lines(ctx context.Context, w io.Writer, p Progress) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	start := time.Now()
	last, before := start, p.Counts()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c := p.Counts()
			total := "?"
			if n := p.Total(); n > 0 {
				total = fmt.Sprint(n)
			}
			_, _ = fmt.Fprintf(w, "%4ds  %d/%s files  %s\n", int(now.Sub(start).Round(time.Second).Seconds()), done(c), total, state(before, c, now.Sub(last)))
			last, before = now, c
		}
	}
}

// state is what the bar and the lines have in common.
func state(before, now tally.Counts, over time.Duration) string {
	s := fmt.Sprintf("%d documents  %.0f/s  %d retries", now.Stored, float64(now.Stored-before.Stored)/over.Seconds(), now.Retries)
	if now.Breaker != "" {
		s += "  breaker " + now.Breaker
	}
	return s
}

// Bar draws a progress bar until ctx ends, for a terminal, and leaves it there
// as it was last.
func Bar(ctx context.Context, w io.Writer, p Progress) {
	const frames = 10 // a second
	tick := time.NewTicker(time.Second / frames)
	defer tick.Stop()
	var bar *progressbar.ProgressBar
	history := []tally.Counts{p.Counts()} // of the last second
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		c, total := p.Counts(), p.Total()
		if bar == nil && total > 0 {
			bar = newBar(w, total)
		}
		if bar != nil {
			over := time.Duration(len(history)) * time.Second / frames
			bar.Describe(state(history[0], c, over))
			_ = bar.Set64(min(done(c), total)) // a display that cannot be written to stops nothing
		}
		if ended {
			_, _ = fmt.Fprintln(w)
			return
		}
		history = append(history, c)
		history = history[max(0, len(history)-frames):]
	}
}

// newBar makes a bar with a known end; one without would start a goroutine.
func newBar(w io.Writer, total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
	)
}
