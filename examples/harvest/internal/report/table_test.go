package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/job"
	"github.com/weirkit/weir/examples/harvest/internal/report"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

func result() job.Result {
	return job.Result{
		Counts: tally.Counts{
			Files: 102, ParseErrors: 2, Documents: 100, Sent: 100, Stored: 100,
			Attempts: 30, Retries: 9, TimedOut: 2, Rejections: 3, Returned: 4, Openings: 1, Open: 1234567 * time.Microsecond,
			P50: 2345 * time.Microsecond, P95: 40 * time.Millisecond, P99: 1200 * time.Millisecond,
			Sending: 3 * time.Second,
		},
		Limits:  job.Limits{Rate: 40, Burst: 8, Concurrency: 6},
		Faults:  &fault.Counts{Requests: 30, ByKind: map[fault.Kind]int64{fault.None: 20, fault.Slow: 4}, InOutage: 6, Outages: 1},
		Check:   &job.Check{Expected: 100, Once: 100},
		Elapsed: 61500 * time.Millisecond,
	}
}

func table(t *testing.T, r job.Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.Table(&b, r))
	return b.String()
}

func TestTable(t *testing.T) {
	assert.Equal(t, `files         102
parse errors  2
documents     100 sent, 100 stored
attempts      30 posts, 9 of them retries, 2 timed out
rejections    3, refused before they ran
gave up       4 batches went back to the queue, 0 documents given up for good
breaker       opened once, not closed for 1.23s
rate          10.0 posts/s; allowed are 40/s after a burst of 8, 6 at once
a call        p50 2.3ms, p95 40ms, p99 1.2s
the service   30 posts, 4 slow, 6 in 1 outage(s)
elapsed       1m2s

checked: all 100 documents are stored exactly once
indexed 100 documents
`, table(t, result()))
}

func TestTheEndOfTheTable(t *testing.T) {
	lost := job.Check{Expected: 100, Once: 90, Missing: 8, Multiple: 2, Wrong: []string{"a.go", "b.go"}}
	tests := []struct {
		name   string
		change func(*job.Result)
		want   string
	}{
		{"lost", func(r *job.Result) { r.Check = &lost },
			"checked: of 100 documents 8 are missing and 2 are stored more than once, such as a.go, b.go\nindexed 90 documents\n"},
		{"stopped", func(r *job.Result) { r.Check, r.Stopped, r.Counts.Stored = nil, true, 40 },
			"stopped before the end; the service was not asked what it has\nindexed 40 documents\n"},
		{"lost, with a state", func(r *job.Result) { r.Check, r.Resumable, r.Done = &lost, true, 30 },
			"stored more than once, such as a.go, b.go\n30 files are done; the same command goes on behind them\nindexed 90 documents\n"},
		{"stopped, with a state", func(r *job.Result) {
			r.Check, r.Stopped, r.Counts.Stored, r.Resumable, r.Done = nil, true, 40, true, 30
		},
			"was not asked what it has\n30 files are done; the same command goes on behind them\nindexed 40 documents\n"},
		{"nothing", func(r *job.Result) { r.Check = &job.Check{} },
			"checked: no document was made, so none can be missing\nindexed 0 documents\n"},
		{"no answer", func(r *job.Result) { r.Check = nil },
			"the service could not be asked what it has\nindexed 100 documents\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := result()
			tt.change(&r)
			assert.True(t, strings.HasSuffix(table(t, r), tt.want), table(t, r))
		})
	}
}

func TestRowsThatDependOnTheRun(t *testing.T) {
	r := result()
	r.Limits, r.Faults, r.Counts.Unreadable, r.Counts.Before = job.Limits{}, nil, 1, 60
	got := table(t, r)
	assert.Contains(t, got, "files         102, 60 of them done by an earlier run\n")
	assert.Contains(t, got, "unreadable    1\n")
	assert.Contains(t, got, "10.0 posts/s, no limit\n")
	assert.NotContains(t, got, "the service ")
}

// TestARateOverAMomentIsNotPrinted: one post in a millisecond is not a thousand
// a second, beside a limit of forty.
func TestARateOverAMomentIsNotPrinted(t *testing.T) {
	r := result()
	r.Counts.Attempts, r.Counts.Sending = 1, time.Millisecond
	assert.Contains(t, table(t, r), "rate          1 posts in 1ms; allowed are 40/s after a burst of 8, 6 at once\n")
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestATableThatCannotBeWrittenIsAnError(t *testing.T) {
	require.EqualError(t, report.Table(closed{}, result()), "closed")
}
