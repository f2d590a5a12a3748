package job

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
	"github.com/weirkit/weir/observe/zaplog"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// How the guard treats a post. A batch that fails for longer than this goes
// back to the queue.
const (
	callTimeout    = 5 * time.Second // all attempts of a call, waits and pauses
	attemptTimeout = time.Second     // one post
	retries        = 3               // after the first attempt
	firstDelay     = 50 * time.Millisecond
	largestDelay   = 1200 * time.Millisecond // also the longest Retry-After that a call waits for
	openAfter      = 5                       // failures in a row
	openFor        = 300 * time.Millisecond
)

// newGuard is the one wrapper around every post. The order is that of
// wrapper.New; it is composed by hand because the table wants to hear from the
// parts.
func newGuard(l Limits, log *zap.Logger, t *tally.Tally) *wrapper.Wrapper {
	return wrapper.Compose(
		wrapper.Timeout(callTimeout),
		retry.New(
			retry.MaxRetries(retries),
			retry.Backoff(retry.FullJitter(retry.Exponential(firstDelay, largestDelay))),
			retry.MaxDelay(largestDelay),
			retry.On(zaplog.Retry(log, "post")),
		),
		rejections{t},
		breaker.New(
			breaker.ConsecutiveFailures(openAfter),
			breaker.OpenFor(openFor),
			breaker.Classify(classify),
			breaker.On(breakerEvents(log, t)),
		),
		ratelimit.New(ratelimit.PerSecond(l.Rate), l.Burst),
		semaphore.New(int64(l.Concurrency)),
		wrapper.AttemptTimeout(attemptTimeout),
	)
}

// breakerEvents logs and counts the changes of the breaker.
func breakerEvents(log *zap.Logger, t *tally.Tally) breaker.Events {
	events := zaplog.Breaker(log, "post")
	logged := events.StateChange
	events.StateChange = func(c breaker.StateChange) {
		t.Breaker(c.To.String(), c.To == breaker.Closed, c.To == breaker.Open)
		logged(c)
	}
	return events
}

// classify says what an attempt tells of the service's health: a request that
// is wrong in itself tells nothing, nor does one that we ended.
func classify(ctx context.Context, err error) breaker.Outcome {
	switch {
	case err == nil:
		return breaker.Success
	case permanent(err), ctx.Err() != nil:
		return breaker.Ignored
	}
	return breaker.Failure
}

// rejections is a layer that counts what the layers inside it refuse. Anything
// with this method is one.
type rejections struct{ tally *tally.Tally }

func (r rejections) Do(ctx context.Context, fn func(context.Context) error) error {
	err := fn(ctx)
	if wrapper.Rejected(err) {
		r.tally.Add(func(c *tally.Counts) { c.Rejections++ })
	}
	return err
}
