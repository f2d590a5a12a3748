package job

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/weirkit/weir/examples/harvest/internal/tally"
	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/wrapper"
)

// pause is how long a sender rests after the guard gave a batch up and named no
// time: what failed for seconds is not mended in a millisecond.
const pause = 250 * time.Millisecond

// deliver sends the batches of the queue, some at a time, until it is finished.
func (j *Job) deliver(ctx context.Context) error {
	sent := fanout.Stream(ctx, j.queue.batches(ctx), j.send,
		fanout.Workers(j.Limits.Concurrency), fanout.Unordered())
	for _, err := range sent {
		if err != nil {
			return err
		}
	}
	return nil
}

// send posts one batch through the guard. What the guard gave up goes back to
// the queue, after a rest, until the batch's time is over. The error is that of
// ctx; a batch that fails does not stop the others.
func (j *Job) send(ctx context.Context, b *batch) (struct{}, error) {
	first := b.begun.IsZero()
	if first {
		b.begun = time.Now()
		j.tally.Add(func(c *tally.Counts) { c.Sent += int64(len(b.docs)) })
	}
	err := j.guard.Do(ctx, func(ctx context.Context) error { return j.post(ctx, b) })
	switch {
	case err == nil:
		j.tally.Add(func(c *tally.Counts) { c.Stored += int64(len(b.docs)) })
		j.queue.done(b)
	case ctx.Err() != nil:
		return struct{}{}, ctx.Err()
	case permanent(err) || time.Since(b.begun) >= j.GiveUp:
		j.Log.Error("batch lost", zap.Int("documents", len(b.docs)), zap.Error(err))
		j.tally.Add(func(c *tally.Counts) { c.Lost += int64(len(b.docs)) })
		j.lost.Store(true) // before it is done: a job that goes on tries it again
		j.queue.done(b)
	default:
		j.Log.Warn("batch goes back to the queue", zap.Int("documents", len(b.docs)), zap.Error(err))
		j.tally.Add(func(c *tally.Counts) { c.Returned++ })
		rest(ctx, err, j.GiveUp-time.Since(b.begun))
		j.queue.back(b)
	}
	return struct{}{}, nil
}

// post is one attempt.
func (j *Job) post(ctx context.Context, b *batch) error {
	if retry.Attempt(ctx) > 1 {
		j.tally.Add(func(c *tally.Counts) { c.Retries++ })
	}
	start := time.Now()
	_, err := j.Client.Post(ctx, b.docs)
	j.tally.Attempt(start)
	if errors.Is(err, context.DeadlineExceeded) {
		j.tally.Add(func(c *tally.Counts) { c.TimedOut++ })
	}
	if permanent(err) {
		return retry.Permanent(err)
	}
	return err
}

// rest waits until it makes sense to try again, but no longer than left: then
// comes the last try.
func rest(ctx context.Context, err error, left time.Duration) {
	d, ok := wrapper.RetryAfter(err)
	if !ok {
		d = pause
	}
	t := time.NewTimer(min(d, left))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
