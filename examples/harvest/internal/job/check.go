package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/retry"
)

// permanent reports whether an attempt failed by the request's own fault.
func permanent(err error) bool {
	status, ok := errors.AsType[*client.StatusError](err)
	return ok && status.Permanent()
}

// check asks the service for the documents that were made, by this run or by
// those before it.
func (j *Job) check(ctx context.Context) (*Check, error) {
	copies, err := stored(ctx, j.Client)
	if err != nil {
		return nil, err
	}
	want := j.paths
	for _, path := range j.trail.before() {
		// Of a file that is not there it must be seen whether it has a document.
		if copies[path] > 0 || len(j.parseAll([]string{path})) > 0 {
			want = append(want, path)
		}
	}
	result := compare(want, copies)
	return &result, nil
}

// stored asks the service what it has.
func stored(ctx context.Context, c *client.Client) (map[string]int, error) {
	// A service elsewhere may be as bad at answering as at storing.
	again := retry.New(
		retry.MaxRetries(5),
		retry.Backoff(retry.FullJitter(retry.Exponential(100*time.Millisecond, 2*time.Second))),
		retry.If(func(err error) bool { return !permanent(err) }),
	)
	copies, err := retry.Do(ctx, again, c.Copies)
	if err != nil {
		return nil, fmt.Errorf("the service does not say what it has: %w", err)
	}
	return copies, nil
}
