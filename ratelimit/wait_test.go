package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/ratelimit"
)

func TestWaitersAreServedInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 1)
		require.True(t, l.Allow())
		start := time.Now()
		var mu sync.Mutex
		var order []int
		var at []time.Duration
		for i := range 20 {
			go func() {
				assert.NoError(t, l.Wait(t.Context()))
				mu.Lock()
				defer mu.Unlock()
				order, at = append(order, i), append(at, time.Since(start))
			}()
			synctest.Wait()
		}
		assert.Equal(t, 20, l.Waiting())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, order, 20)
		for i := range 20 {
			assert.Equal(t, i, order[i])
			assert.Equal(t, time.Duration(i+1)*100*time.Millisecond, at[i])
		}
	})
}

func TestNobodyTakesWhatAWaiterWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		l.AllowN(10)
		done := make(chan error)
		go func() { done <- l.WaitN(t.Context(), 5) }()
		synctest.Wait()
		for range 5 {
			time.Sleep(999 * time.Millisecond)
			assert.False(t, l.Allow(), "tokens are there, and they are the waiter's")
		}
		require.NoError(t, <-done)
	})
}

func TestACancelledWaiterFreesItsSlot(t *testing.T) { // P23
	for _, cancelled := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8}, {0}, {4}, {8, 3, 5}, {9, 0}, {1, 3, 5, 7}} {
		t.Run(fmt.Sprint(cancelled), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := ratelimit.New(ratelimit.PerSecond(1), 1)
				require.True(t, l.Allow())
				var cancels []context.CancelFunc
				served := make([]time.Duration, 10)
				start := time.Now()
				for i := range 10 {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					cancels = append(cancels, cancel)
					go func() {
						if l.Wait(ctx) == nil {
							served[i] = time.Since(start)
						}
					}()
					synctest.Wait()
				}
				for _, i := range cancelled {
					cancels[i]()
				}
				synctest.Wait()
				assert.Equal(t, 10-len(cancelled), l.Waiting())
				time.Sleep(time.Minute)
				synctest.Wait()
				n := 0
				for i, at := range served {
					if at > 0 {
						n++
						assert.Equal(t, time.Duration(n)*time.Second, at, "waiter %d", i)
					}
				}
				assert.Equal(t, 10-len(cancelled), n)
			})
		})
	}
}

func TestACancelledWaitGivesItsTokensBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 5)
		l.AllowN(5)
		before := l.Tokens()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.WaitN(ctx, 5) }()
		synctest.Wait()
		assert.InDelta(t, before-5, l.Tokens(), 1e-9)
		cancel()
		assert.Equal(t, context.Canceled, <-done)
		assert.InDelta(t, before, l.Tokens(), 1e-9)
	})
}

func TestADeadlineThatCannotBeMetFailsAtOnceAndTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1)
		l.Allow()
		for _, d := range []time.Duration{1, time.Second - 1, time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			start := time.Now()
			err := l.Wait(ctx)
			cancel()
			assert.Equal(t, start, time.Now())
			require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.True(t, rejection.Is(err))
			after, _ := rejection.After(err)
			assert.Equal(t, time.Second, after)
			assert.InDelta(t, 0, l.Tokens(), 1e-9)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+1)
		defer cancel()
		require.NoError(t, l.Wait(ctx))
	})
}

func TestADoneContextWinsOverATokenAndTakesNothing(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 2)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("reason")
	cancel(reason)
	err := l.Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, reason)
	plain, stop := context.WithCancel(t.Context())
	stop()
	assert.Equal(t, context.Canceled, l.Wait(plain))
	assert.Equal(t, 2, l.Take(0).Remaining)
}

func TestMaxWaitersBoundsTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWaiters(2))
		l.Allow()
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- l.Wait(t.Context()) }()
		}
		synctest.Wait()
		before := l.Tokens()
		assert.Equal(t, ratelimit.ErrQueueFull, l.Wait(t.Context()))
		assert.InDelta(t, before, l.Tokens(), 1e-9)
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
}

func TestMaxWaitRefusesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWait(2*time.Second))
		l.Allow()
		assert.False(t, func() bool { l.Reserve(1); l.Reserve(1); return l.Reserve(1).OK() }())
		start := time.Now()
		err := l.Wait(t.Context())
		require.ErrorIs(t, err, ratelimit.ErrWouldExceedMaxWait)
		require.NotErrorIs(t, err, ratelimit.ErrWouldExceedDeadline, "no deadline was in the way")
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		late, _ := errors.AsType[*ratelimit.WaitError](err)
		assert.Equal(t, &ratelimit.WaitError{N: 1, Delay: 3 * time.Second, MaxWait: 2 * time.Second}, late)
		assert.Equal(t, 3*time.Second, late.RetryAfter())
		assert.True(t, late.Rejected())
		assert.Equal(t, start, time.Now())
		time.Sleep(time.Second)
		require.NoError(t, l.Wait(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(start)-time.Second)
	})
}

func TestOfMaxWaitAndADeadlineTheEarlierOneCounts(t *testing.T) {
	tests := []struct {
		deadline, maxWait time.Duration
		want              error
	}{
		{time.Second, 2 * time.Second, ratelimit.ErrWouldExceedDeadline},
		{2 * time.Second, time.Second, ratelimit.ErrWouldExceedMaxWait},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.deadline, " ", tt.maxWait), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := ratelimit.New(ratelimit.Every(5*time.Second), 1, ratelimit.MaxWait(tt.maxWait))
				l.Allow()
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				require.ErrorIs(t, l.Wait(ctx), tt.want)
				l.SetRate(ratelimit.Every(time.Second / 2))
				l.SetTokens(0)
				done := make(chan error)
				go func() { done <- l.Wait(ctx) }()
				synctest.Wait()
				l.SetRate(ratelimit.Every(5 * time.Second))
				require.ErrorIs(t, <-done, tt.want, "out of the queue, too")
			})
		})
	}
}

func TestWaitErrorsSayWhatWasInTheWay(t *testing.T) {
	tests := []struct {
		err  ratelimit.WaitError
		want string
	}{
		{ratelimit.WaitError{N: 1, Delay: time.Second}, "ratelimit: wait would exceed the deadline: a token comes in 1s"},
		{ratelimit.WaitError{N: 3, Delay: time.Second}, "ratelimit: wait would exceed the deadline: 3 tokens come in 1s"},
		{ratelimit.WaitError{N: 1, Delay: ratelimit.Never}, "ratelimit: wait would exceed the deadline: a token does not come while the rate is paused"},
		{ratelimit.WaitError{N: 1, Delay: 2 * time.Second, MaxWait: time.Second}, "ratelimit: wait would exceed MaxWait of 1s: a token comes in 2s"},
		{ratelimit.WaitError{N: 2, Delay: ratelimit.Never, MaxWait: time.Second}, "ratelimit: wait would exceed MaxWait of 1s: 2 tokens do not come while the rate is paused"},
	}
	for _, tt := range tests {
		assert.EqualError(t, &tt.err, tt.want)
	}
}
