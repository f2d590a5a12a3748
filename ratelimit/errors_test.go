package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/ratelimit"
)

func TestAWaitErrorSaysWhatItIsAbout(t *testing.T) {
	tests := []struct {
		err   *ratelimit.WaitError
		want  string
		after time.Duration
	}{
		{&ratelimit.WaitError{N: 1, Delay: time.Second}, "a token comes in 1s", time.Second},
		{&ratelimit.WaitError{N: 3, Delay: time.Second}, "3 tokens come in 1s", time.Second},
		{&ratelimit.WaitError{N: 1, Delay: ratelimit.Never}, "a token does not come while the rate is paused", 0},
		{&ratelimit.WaitError{N: 3, Delay: ratelimit.Never}, "3 tokens do not come while the rate is paused", 0},
	}
	for _, tt := range tests {
		assert.EqualError(t, tt.err, "ratelimit: wait would exceed the deadline: "+tt.want)
		assert.Equal(t, tt.after, tt.err.RetryAfter())
		assert.True(t, tt.err.Rejected())
		assert.ErrorIs(t, tt.err, ratelimit.ErrWouldExceedDeadline)
		assert.ErrorIs(t, tt.err, context.DeadlineExceeded)
	}
}
