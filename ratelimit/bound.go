package ratelimit

import (
	"context"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// bound is how long a caller waits: until the deadline of its context or as long as
// the option MaxWait says, whichever is shorter.
type bound struct {
	limit   int64         // the last reading of the clock at which it still wants its tokens, or never
	maxWait time.Duration // the option, if it is that
}

// boundOf returns that of a context.
func boundOf(ctx context.Context, clock mono.Clock) bound {
	if deadline, ok := ctx.Deadline(); ok {
		return bound{limit: clock.At(deadline) - 1}
	}
	return bound{limit: never}
}

// within returns the bound of a caller that comes at a reading of the clock and has a
// MaxWait of d, none if that is 0.
func (b bound) within(d time.Duration, reading int64) bound {
	if int64(d) > never-reading { // more than the clock will ever read
		return b
	}
	if limit := reading + int64(d); d > 0 && limit < b.limit {
		return bound{limit, d}
	}
	return b
}

// late returns the error of one who would wait for n tokens from a reading of the
// clock on, nil if that is in time.
func (b bound) late(n int64, wait time.Duration, reading int64) error {
	if b.limit == never || int64(wait) <= b.limit-reading {
		return nil
	}
	return &WaitError{int(n), wait, b.maxWait}
}
