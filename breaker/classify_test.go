package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/rejection"
)

// foreign is a rejection of a type that does not know this SDK.
type foreign struct{ rejected bool }

func (foreign) Error() string    { return "foreign" }
func (f foreign) Rejected() bool { return f.rejected }

func TestTheDefaultClassification(t *testing.T) {
	full := rejection.New("semaphore: too many waiters")
	tests := []struct {
		name string
		ctx  func(ctx context.Context) (context.Context, context.CancelFunc)
		err  error
		want breaker.Outcome
		// deadline is what IgnoreDeadline makes of it
		deadline breaker.Outcome
	}{
		{"nil", alive, nil, breaker.Success, breaker.Success},
		{"nil after a cancellation", cancelled, nil, breaker.Success, breaker.Success},
		{"nil after the deadline", expired, nil, breaker.Success, breaker.Success},
		{"an error", alive, errDown, breaker.Failure, breaker.Failure},
		{"a rejection", alive, full, breaker.Ignored, breaker.Ignored},
		{"a wrapped rejection", alive, fmt.Errorf("x: %w", full), breaker.Ignored, breaker.Ignored},
		{"a foreign rejection", alive, foreign{true}, breaker.Ignored, breaker.Ignored},
		{"no rejection after all", alive, foreign{false}, breaker.Failure, breaker.Failure},
		{"a rejection among others", alive, errors.Join(errDown, full), breaker.Ignored, breaker.Ignored},
		{"cancelled by the caller", cancelled, context.Canceled, breaker.Ignored, breaker.Ignored},
		{"cancelled, with the client's own error", cancelled, errDown, breaker.Ignored, breaker.Ignored},
		{"cancelled further inside", alive, context.Canceled, breaker.Failure, breaker.Failure},
		{"the caller's deadline", expired, context.DeadlineExceeded, breaker.Failure, breaker.Ignored},
		{"the caller's deadline, with another error", expired, errDown, breaker.Failure, breaker.Ignored},
		{"a timeout further inside", alive, context.DeadlineExceeded, breaker.Failure, breaker.Failure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, opts := range [][]breaker.Option{nil, {breaker.IgnoreDeadline()}} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := tt.ctx(t.Context())
					defer cancel()
					b := breaker.New(append(opts, breaker.ConsecutiveFailures(10), breaker.Counted())...)
					p, err := b.Acquire(ctx)
					assert.NoError(t, err)
					time.Sleep(time.Second)
					p.Done(tt.err)
					want := tt.want
					if opts != nil {
						want = tt.deadline
					}
					assert.Equal(t, map[breaker.Outcome]int64{want: 1}, outcomes(b))
					if opts == nil {
						assert.Equal(t, want, breaker.DefaultOutcome(ctx, tt.err))
					}
				})
			}
		})
	}
}

func alive(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }

// cancelled is done half a second from now, and so is expired.
func cancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Second/2, cancel)
	return ctx, cancel
}

func expired(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Second/2)
}

// outcomes returns which outcomes were counted how often.
func outcomes(b *breaker.Breaker) map[breaker.Outcome]int64 {
	m := map[breaker.Outcome]int64{}
	s := b.Stats()
	for o, n := range map[breaker.Outcome]int64{breaker.Success: s.Successes, breaker.Failure: s.Failures, breaker.Ignored: s.Ignored} {
		if n != 0 {
			m[o] = n
		}
	}
	return m
}

func TestClassifySeesContextAndErrorAndReplacesTheDefault(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 7)
	var seen []error
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.Counted(), breaker.IgnoreDeadline(),
		breaker.Classify(func(ctx context.Context, err error) breaker.Outcome {
			assert.Equal(t, 7, ctx.Value(key{}))
			seen = append(seen, err)
			switch {
			case err == nil:
				return breaker.Ignored
			case errors.Is(err, errDown):
				return breaker.Success
			}
			return breaker.Outcome(99)
		}))
	assert.NoError(t, b.Do(ctx, succeed))
	assert.Equal(t, errDown, b.Do(ctx, fail))
	p, err := b.Acquire(ctx)
	assert.NoError(t, err)
	p.Done(errDown)
	assert.Equal(t, map[breaker.Outcome]int64{breaker.Success: 2, breaker.Ignored: 1}, outcomes(b))
	assert.Equal(t, []error{nil, errDown, errDown}, seen)
	other := errors.New("other")
	assert.Equal(t, other, b.Do(ctx, func(context.Context) error { return other }))
	assert.Equal(t, breaker.Open, b.State(), "what is no outcome is a failure")
}

func TestAnOpenBreakerInsideIsIgnored(t *testing.T) {
	inner, outer := breaker.New(), breaker.New(breaker.ConsecutiveFailures(1))
	inner.ForceOpen(errDown)
	for range 10 {
		assert.ErrorIs(t, outer.Do(t.Context(), func(ctx context.Context) error { return inner.Do(ctx, succeed) }), breaker.ErrOpen)
	}
	assert.Equal(t, breaker.Closed, outer.State())
}
