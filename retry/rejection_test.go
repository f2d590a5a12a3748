package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/retry"
)

// refusal is a rejection.
type refusal struct{ after time.Duration }

func (refusal) Error() string { return "refused" }

func (refusal) Rejected() bool { return true }

func (r refusal) RetryAfter() time.Duration { return r.after }

func isRejection(err error) bool {
	var r interface{ Rejected() bool }
	return errors.As(err, &r) && r.Rejected()
}

// Trap 6: a retry over an open breaker makes useless attempts.
func TestTrap6ARejectionEndsTheCallAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(refusal{})
		err := constant(time.Second).Do(t.Context(), s.run)
		assert.Equal(t, refusal{}, err)
		assert.Equal(t, []time.Duration{0}, s.at)
		assert.True(t, isRejection(err))
	})
}

func TestARejectionThatNamesATimeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			s := scripted(refusal{after: time.Second}, nil)
			require.NoError(t, constant(2*time.Second).Do(t.Context(), s.run))
			require.Len(t, s.at, 2)
			assert.GreaterOrEqual(t, s.at[1], time.Second, "never less")
			assert.LessOrEqual(t, s.at[1], 1100*time.Millisecond)
		}
	})
}

func TestJitterNeverMakesAPauseMissTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second+5)
			s := scripted(refusal{after: time.Second}, nil)
			require.NoError(t, constant(2*time.Second).Do(ctx, s.run))
			assert.Less(t, s.at[1], time.Second+5)
			cancel()
		}
	})
}

func TestARejectionThatNamesTooLongATimeEndsTheCallAtOnce(t *testing.T) {
	second := time.Second
	tests := []struct {
		name     string
		deadline time.Duration
		policy   *retry.Policy
	}{
		{"above the largest delay", time.Hour, constant(second - 1)},
		{"above the largest delay of a jittered backoff", time.Hour, retry.New(retry.Backoff(retry.FullJitter(retry.Exponential(1, second-1))))},
		{"above MaxDelay", time.Hour, constant(time.Minute, retry.MaxDelay(second-1))},
		{"at the deadline", second, constant(time.Minute)},
		{"above MaxElapsed", time.Hour, constant(time.Minute, retry.MaxElapsed(second-1))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				s := scripted(refusal{after: second})
				assert.Equal(t, refusal{after: second}, tt.policy.Do(ctx, s.run))
				assert.Equal(t, []time.Duration{0}, s.at)
				assert.Zero(t, time.Since(s.begin))
			})
		})
	}
}

func TestARejectionAfterWorkThatRanIsNoRejectionOfTheCall(t *testing.T) {
	boundary := retry.If(func(err error) bool { return !isRejection(err) })
	for _, p := range []*retry.Policy{constant(0), constant(0, retry.MaxRetries(1)), constant(0, boundary)} {
		s := scripted(errBoom, refusal{})
		err := p.Do(t.Context(), s.run)
		assert.Len(t, s.at, 2)
		assert.False(t, isRejection(err), "the work ran")
		e, ok := errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok)
		assert.Equal(t, &retry.ExhaustedError{Attempts: 2, Last: errBoom, Cause: refusal{}}, e)
	}
}

func TestACallWhoseEveryAttemptWasRefusedIsARejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(refusal{after: time.Millisecond})
		err := constant(time.Second, retry.MaxRetries(2)).Do(t.Context(), s.run)
		assert.Len(t, s.at, 3)
		assert.True(t, isRejection(err))
	})
}

func TestAnErrorMaySetTheDelay(t *testing.T) {
	second := time.Second
	tests := []struct {
		name      string
		err       error
		opts      []retry.Option
		low, high time.Duration
	}{
		{"After", retry.After(errBoom, 5*second), nil, 5 * second, 5500 * time.Millisecond},
		{"wrapped", fmt.Errorf("call: %w", retry.After(errBoom, 5*second)), nil, 5 * second, 5500 * time.Millisecond},
		{"shorter than the backoff", retry.After(errBoom, second/2), nil, second / 2, 550 * time.Millisecond},
		{"unknown", retry.After(errBoom, 0), nil, second, second},
		{"negative", retry.After(errBoom, -second), nil, second, second},
		{"cut to 30 s", retry.After(errBoom, time.Hour), nil, 30 * second, 33 * second},
		{"cut to MaxDelay", retry.After(errBoom, time.Hour), []retry.Option{retry.MaxDelay(10 * second)}, 10 * second, 11 * second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 50 {
					s := scripted(tt.err, nil)
					require.NoError(t, constant(second, tt.opts...).Do(t.Context(), s.run))
					assert.GreaterOrEqual(t, s.at[1], tt.low)
					assert.LessOrEqual(t, s.at[1], tt.high)
				}
			})
		})
	}
	assert.NoError(t, retry.After(nil, second))
	assert.ErrorIs(t, retry.After(errBoom, second), errBoom)
	assert.EqualError(t, retry.After(errBoom, second), "boom")
}

func TestAnErrorMayAskForAsLongAsTheBackoffPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(retry.After(errBoom, time.Hour), nil)
		require.NoError(t, constant(10*time.Minute).Do(t.Context(), s.run))
		assert.GreaterOrEqual(t, s.at[1], 10*time.Minute)
		assert.LessOrEqual(t, s.at[1], 11*time.Minute)
	})
}
