package retry_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

// doubling is a backoff with the shape of those of github.com/cenkalti/backoff.
type doubling struct {
	next  time.Duration
	stops time.Duration
}

func newDoubling() *doubling { return &doubling{next: time.Second, stops: math.MaxInt64} }

func (d *doubling) NextBackOff() time.Duration {
	if d.next >= d.stops {
		return -1 // backoff.Stop
	}
	d.next *= 2
	return d.next / 2
}

func (d *doubling) Reset() { d.next = time.Second }

func TestEachCallHasASequenceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := retry.New(retry.BackoffFrom(newDoubling))
		for range 2 {
			s := scripted(errBoom)
			assert.ErrorIs(t, p.Do(t.Context(), s.run), retry.ErrExhausted)
			assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, s.at)
		}
	})
}

func TestASequenceEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := retry.New(retry.MaxRetries(math.MaxInt), retry.BackoffFrom(func() *doubling {
			return &doubling{next: time.Second, stops: 4 * time.Second}
		}))
		s := scripted(errBoom)
		err := p.Do(t.Context(), s.run)
		assert.Len(t, s.at, 3)
		for _, target := range []error{retry.ErrExhausted, retry.ErrBackoffStopped, errBoom} {
			assert.ErrorIs(t, err, target)
		}
	})
}

func TestASequenceMayNameNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, errBoom, nil)
		assert.NoError(t, retry.New(retry.BackoffFrom(func() *doubling { return &doubling{next: 0, stops: 1} })).Do(t.Context(), s.run))
		assert.Equal(t, []time.Duration{0, 0, 0}, s.at)
	})
}

func TestADelayThatAnErrorAskedForDoesNotMoveTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := retry.After(errBoom, 10*time.Second)
		s := scripted(errBoom, asked, errBoom, nil)
		assert.NoError(t, retry.New(retry.BackoffFrom(newDoubling)).Do(t.Context(), s.run))
		assert.Equal(t, time.Second, s.at[1]-s.at[0])
		assert.GreaterOrEqual(t, s.at[2]-s.at[1], 10*time.Second)
		assert.Equal(t, 2*time.Second, s.at[3]-s.at[2])
	})
	synctest.Test(t, func(t *testing.T) {
		var prevs []time.Duration
		d := func(attempt int, prev time.Duration) time.Duration {
			if prev != retry.Longest {
				prevs = append(prevs, prev)
			}
			return time.Duration(attempt) * time.Second
		}
		s := scripted(errBoom, retry.After(errBoom, 10*time.Second), errBoom, nil)
		assert.NoError(t, retry.New(retry.Backoff(d)).Do(t.Context(), s.run))
		assert.Equal(t, []time.Duration{0, time.Second}, prevs)
	})
}

func TestARejectionIsWaitedForUnderASequenceOnlyWithMaxDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(refusal{after: ms}, nil)
		assert.Equal(t, refusal{after: ms}, retry.New(retry.BackoffFrom(newDoubling)).Do(t.Context(), s.run))
		s = scripted(refusal{after: ms}, nil)
		assert.NoError(t, retry.New(retry.BackoffFrom(newDoubling), retry.MaxDelay(ms)).Do(t.Context(), s.run))
	})
}

func TestANegativeDelayIsNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, nil)
		assert.NoError(t, retry.New(retry.Backoff(func(int, time.Duration) time.Duration { return -time.Second })).Do(t.Context(), s.run))
		assert.Equal(t, []time.Duration{0, 0}, s.at)
	})
}

func TestTheLaterOfTwoBackoffsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, nil)
		assert.NoError(t, retry.New(retry.BackoffFrom(newDoubling), retry.Backoff(retry.Constant(5))).Do(t.Context(), s.run))
		assert.Equal(t, time.Duration(5), s.at[1])
		s = scripted(errBoom, nil)
		assert.NoError(t, retry.New(retry.Backoff(retry.Constant(5)), retry.BackoffFrom(newDoubling)).Do(t.Context(), s.run))
		assert.Equal(t, time.Second, s.at[1])
	})
	assert.PanicsWithValue(t, "retry: BackoffFrom needs a function, got nil", func() { retry.BackoffFrom[*doubling](nil) })
}
