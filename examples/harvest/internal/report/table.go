package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/job"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

// Table writes the closing table, what the check found, and the last line:
// indexed N documents.
func Table(w io.Writer, r job.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows(r) {
		_, _ = fmt.Fprintf(t, "%s\t%s\n", row[0], row[1]) // an error stays until Flush
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\nindexed %d documents\n", verdict(r), indexed(r))
	return err
}

func rows(r job.Result) [][2]string {
	c := r.Counts
	out := [][2]string{
		{"files", files(c)},
		{"parse errors", fmt.Sprint(c.ParseErrors)},
	}
	if c.Unreadable > 0 {
		out = append(out, [2]string{"unreadable", fmt.Sprint(c.Unreadable)})
	}
	out = append(out, [][2]string{
		{"documents", fmt.Sprintf("%d sent, %d stored", c.Sent, c.Stored)},
		{"attempts", fmt.Sprintf("%d posts, %d of them retries, %d timed out", c.Attempts, c.Retries, c.TimedOut)},
		{"rejections", fmt.Sprintf("%d, refused before they ran", c.Rejections)},
		{"gave up", fmt.Sprintf("%d batches went back to the queue, %d documents given up for good", c.Returned, c.Lost)},
		{"breaker", fmt.Sprintf("opened %s, not closed for %s", times(c.Openings), short(c.Open))},
		{"rate", rate(c, r.Limits)},
		{"a call", fmt.Sprintf("p50 %s, p95 %s, p99 %s", short(c.P50), short(c.P95), short(c.P99))},
	}...)
	if r.Faults != nil {
		out = append(out, [2]string{"the service", faults(*r.Faults)})
	}
	return append(out, [2]string{"elapsed", short(r.Elapsed)})
}

func files(c tally.Counts) string {
	if c.Before == 0 {
		return fmt.Sprint(c.Files)
	}
	return fmt.Sprintf("%d, %d of them done by an earlier run", c.Files, c.Before)
}

func rate(c tally.Counts, l job.Limits) string {
	reached := fmt.Sprintf("%.1f posts/s", c.Rate())
	if c.Sending < time.Second { // nearly all of it may be the burst
		reached = fmt.Sprintf("%d posts in %s", c.Attempts, short(c.Sending))
	}
	if l.Rate <= 0 {
		return reached + ", no limit"
	}
	return fmt.Sprintf("%s; allowed are %g/s after a burst of %d, %d at once", reached, l.Rate, l.Burst, l.Concurrency)
}

// faults tells what a service of ours did to the posts.
func faults(c fault.Counts) string {
	parts := []string{fmt.Sprintf("%d posts", c.Requests)}
	for _, k := range []fault.Kind{fault.Slow, fault.Unavailable, fault.Internal, fault.DropBefore, fault.DropAfter} {
		if n := c.ByKind[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k))
		}
	}
	if c.Outages > 0 {
		parts = append(parts, fmt.Sprintf("%d in %d outage(s)", c.InOutage, c.Outages))
	}
	return strings.Join(parts, ", ")
}

func verdict(r job.Result) string {
	switch c := r.Check; {
	case r.Stopped:
		return "stopped before the end; the service was not asked what it has" + again(r)
	case c == nil:
		return "the service could not be asked what it has"
	case c.OK() && c.Expected == 0:
		return "checked: no document was made, so none can be missing"
	case c.OK():
		return fmt.Sprintf("checked: all %d documents are stored exactly once", c.Expected)
	default:
		return fmt.Sprintf("checked: of %d documents %d are missing and %d are stored more than once, such as %s%s",
			c.Expected, c.Missing, c.Multiple, strings.Join(c.Wrong, ", "), again(r))
	}
}

// again says how to go on with a job that keeps its state.
func again(r job.Result) string {
	if !r.Resumable {
		return ""
	}
	return fmt.Sprintf("\n%d files are done; the same command goes on behind them", r.Done)
}

// indexed is what the service says that it has of ours, or, where it was not
// asked, what it acknowledged.
func indexed(r job.Result) int64 {
	if r.Check != nil {
		return int64(r.Check.Once)
	}
	return r.Counts.Stored
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// short prints three digits or so of a duration.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
