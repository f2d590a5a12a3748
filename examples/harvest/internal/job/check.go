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

// check asks the service what it has and compares.
func check(ctx context.Context, c *client.Client, want []string) (*Check, error) {
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
	result := compare(want, copies)
	return &result, nil
}
