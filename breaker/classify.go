package breaker

import (
	"context"
	"errors"
	"strconv"

	"github.com/weirkit/weir/internal/rejection"
)

// Outcome is what the end of a call says about the health of what was called.
type Outcome uint8

const (
	// Failure says that it is not well.
	Failure Outcome = iota
	// Success says that it is well.
	Success
	// Ignored says nothing: the call is not counted, and a probe's place is free
	// again.
	Ignored
)

// String returns failure, success or ignored.
func (o Outcome) String() string {
	switch o {
	case Failure:
		return "failure"
	case Success:
		return "success"
	case Ignored:
		return "ignored"
	}
	return "Outcome(" + strconv.Itoa(int(o)) + ")"
}

// DefaultOutcome is how a breaker without [Classify] judges a call that
// returned err, ctx being the context that it was acquired with:
//
//   - nil is a success.
//   - A rejection, which is any error with a method Rejected() bool that returns
//     true, is ignored: something nearer refused the call, so what the breaker
//     guards was not asked.
//   - A call whose ctx was cancelled is ignored: the caller lost interest.
//   - Everything else is a failure, also a deadline that passed while the call
//     ran, whoever set it: a server that never answers looks just like this.
//
// It asks ctx, and not whether err is context.Canceled: an error of that kind
// with a ctx that goes on comes from inside, and clients give a cancelled call
// many errors.
func DefaultOutcome(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(ctx.Err(), context.Canceled), rejection.Is(err):
		return Ignored
	}
	return Failure
}

// classify returns what the breaker makes of err.
func (b *Breaker) classify(ctx context.Context, err error) Outcome {
	switch c := b.cfg; {
	case c.classify != nil:
		if o := c.classify(ctx, err); o == Success || o == Ignored {
			return o
		}
		return Failure
	case c.ignoreDeadline && err != nil && ctx.Err() != nil:
		return Ignored
	}
	return DefaultOutcome(ctx, err)
}
