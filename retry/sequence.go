package retry

import "time"

// Sequence is a backoff that remembers where it is, as those of
// github.com/cenkalti/backoff: each NextBackOff returns the next pause, and a
// negative one ends the call.
type Sequence interface{ NextBackOff() time.Duration }

// BackoffFrom takes the pauses of each call from a Sequence of its own, which
// start makes when an attempt of the call has failed. A negative pause ends the
// call with [ErrBackoffStopped]. So a backoff of github.com/cenkalti/backoff/v5
// plugs in with
//
//	retry.BackoffFrom(backoff.NewExponentialBackOff)
//
// It replaces [Backoff]. As nobody knows the largest delay of a sequence, a
// rejection is waited for only with [MaxDelay]. start must be safe for
// concurrent use.
func BackoffFrom[S Sequence](start func() S) Option {
	if start == nil {
		panic("retry: BackoffFrom needs a function, got nil")
	}
	return optionFunc(func(c *config) {
		c.sequence = func() Sequence { return start() }
	})
}
