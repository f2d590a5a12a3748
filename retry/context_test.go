package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

func TestADoneContextRunsNothing(t *testing.T) {
	why := errors.New("why")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	caused, cancelCause := context.WithCancelCause(t.Context())
	cancelCause(why)
	for _, p := range []*retry.Policy{retry.New(), retry.New(retry.AttemptTimeout(time.Second), retry.MaxElapsed(time.Second))} {
		s := scripted(nil)
		assert.Equal(t, context.Canceled, p.Do(cancelled, s.run), "ctx.Err() itself")
		err := p.Do(caused, s.run)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, why)
		assert.NotErrorIs(t, err, retry.ErrExhausted)
		assert.Empty(t, s.at)
	}
}

func TestADeadlineOfWallTimeAloneCounts(t *testing.T) {
	p := constant(time.Second) // made outside the bubble, whose clock is years off
	for _, tt := range []struct {
		left time.Duration
		runs int
	}{{time.Second, 1}, {time.Second + 1, 2}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithDeadline(t.Context(), time.Now().Round(0).Add(tt.left))
			defer cancel()
			s := scripted(errBoom, nil)
			_ = p.Do(ctx, s.run)
			assert.Len(t, s.at, tt.runs)
		})
	}
}

// Trap 19: a pause that cannot fit the deadline is slept out all the same.
func TestTrap19GivesUpAtOnceWhenThePauseCannotFitTheDeadline(t *testing.T) {
	for _, left := range []time.Duration{1, time.Second - 1, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			s := scripted(errBoom)
			err := constant(time.Second).Do(ctx, s.run)
			assert.Zero(t, time.Since(s.begin), "did not sleep")
			assert.Len(t, s.at, 1)
			for _, target := range []error{retry.ErrExhausted, retry.ErrWouldExceedDeadline, context.DeadlineExceeded, errBoom} {
				assert.ErrorIs(t, err, target)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+1)
		defer cancel()
		s := scripted(errBoom, nil)
		assert.NoError(t, constant(time.Second).Do(ctx, s.run), "it just fits")
	})
}

// Trap 19: the context's error replaces that of the last attempt.
func TestTrap19KeepsTheLastErrorBesideThatOfTheContext(t *testing.T) {
	why := errors.New("why")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1500*time.Millisecond, func() { cancel(why) })
		s := scripted(errBoom)
		err := constant(time.Second).Do(ctx, s.run)
		assert.Equal(t, 1500*time.Millisecond, time.Since(s.begin), "a cancel ends the pause")
		assert.Len(t, s.at, 2)
		for _, target := range []error{retry.ErrExhausted, context.Canceled, why, errBoom} {
			assert.ErrorIs(t, err, target)
		}
		assert.EqualError(t, err, "retry: gave up after 2 attempts: context canceled: why; last error: boom")
	})
}

func TestACancelDuringAnAttemptEndsTheCall(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails int
		with  func(context.Context) error
		want  []error
		bare  bool
	}{
		{"the first, with the context's error", 0, context.Context.Err, nil, true},
		{"the first, with another", 0, func(context.Context) error { return errBoom }, []error{retry.ErrExhausted, context.Canceled, errBoom}, false},
		{"a later one, with the context's error", 1, context.Context.Err, []error{retry.ErrExhausted, context.Canceled, errBoom}, false},
		{"a permanent error wins", 1, func(context.Context) error { return retry.Permanent(errBoom) }, []error{errBoom}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			err := constant(0).Do(ctx, func(ctx context.Context) error {
				if n++; n <= tt.fails {
					return errBoom
				}
				cancel()
				return tt.with(ctx)
			})
			assert.Equal(t, tt.fails+1, n)
			if tt.bare {
				assert.Equal(t, context.Canceled, err, "ctx.Err() itself")
			}
			for _, target := range tt.want {
				assert.ErrorIs(t, err, target)
			}
		})
	}
}

func TestACancelAtTheEndOfThePauseRunsNothing(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := scripted(errBoom)
			err := constant(d, retry.On(retry.Events{Retry: func(retry.Retry) {
				if d == 0 {
					cancel()
					return
				}
				time.AfterFunc(d, cancel)
			}})).Do(ctx, s.run)
			if len(s.at) == 1 { // the pause and the cancel end at the same moment, in either order
				assert.ErrorIs(t, err, context.Canceled)
				return
			}
			assert.Equal(t, d, s.at[1])
			assert.NotZero(t, d, "the cancel came first")
		})
	}
}

func TestMaxElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom)
		err := constant(time.Second, retry.MaxRetries(100), retry.MaxElapsed(3500*time.Millisecond)).Do(t.Context(), s.run)
		assert.Equal(t, 3*time.Second, time.Since(s.begin), "does not sleep in vain")
		assert.Len(t, s.at, 4)
		assert.ErrorIs(t, err, retry.ErrMaxElapsed)
		assert.ErrorIs(t, err, errBoom)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	})
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom)
		_ = constant(time.Second, retry.MaxElapsed(time.Second)).Do(t.Context(), s.run)
		assert.Len(t, s.at, 2, "an attempt may begin just then")
	})
}

func TestAnErrorOfADeadlineInsideIsRetried(t *testing.T) {
	s := scripted(context.DeadlineExceeded, nil)
	assert.NoError(t, constant(0).Do(t.Context(), s.run))
}

// withEarlyEnd returns a context that its first listener ends.
func withEarlyEnd(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	return listened{ctx, cancel}, cancel
}

type listened struct {
	context.Context
	cancel func()
}

func (l listened) Done() <-chan struct{} { l.cancel(); return l.Context.Done() }
