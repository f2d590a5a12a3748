package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestReservationsSayWhen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 2)
		for _, want := range []time.Duration{0, 0, 100, 200, 300} {
			r := l.Reserve(1)
			require.True(t, r.OK())
			assert.Equal(t, want*time.Millisecond, r.Delay())
		}
		r := l.Reserve(2)
		assert.Equal(t, 500*time.Millisecond, r.Delay())
		time.Sleep(300 * time.Millisecond)
		assert.Equal(t, 200*time.Millisecond, r.Delay(), "from now on")
		time.Sleep(time.Second)
		assert.Zero(t, r.Delay())
		assert.False(t, l.Reserve(3).OK())
	})
}

func TestTheZeroReservation(t *testing.T) {
	var r ratelimit.Reservation
	assert.False(t, r.OK())
	assert.False(t, r.Cancel())
	assert.Equal(t, ratelimit.Never, r.Delay())
}

func TestAnImmediateReservationCanBeCancelled(t *testing.T) { // x/time gives nothing back 1 ns later
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerHour(1), 5)
		r := l.Reserve(5)
		time.Sleep(time.Second)
		require.False(t, l.Allow())
		require.True(t, r.Cancel())
		assert.Equal(t, 5, drain(l))
		assert.False(t, r.Cancel(), "a second time")
		assert.Zero(t, drain(l))
	})
}

func TestCancelGivesBackWhatIsStillIts(t *testing.T) {
	// At 1/s and burst 10: how many of n taken at 0 come back at a moment, after
	// others took some in between.
	tests := []struct {
		n      int
		after  time.Duration
		others int // taken just before the cancellation
		back   float64
	}{
		{10, 0, 0, 10},
		{10, 3 * time.Second, 0, 7}, // 3 came anyway
		{10, 3 * time.Second, 3, 7},
		{10, 10 * time.Second, 0, 0},  // the bucket is full without
		{10, 10 * time.Second, 10, 0}, // and full it was used
		{4, time.Second, 7, 3},
		{4, 5 * time.Second, 10, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := ratelimit.New(ratelimit.PerSecond(1), 10)
				r := l.Reserve(tt.n)
				time.Sleep(tt.after)
				require.True(t, l.AllowN(tt.others))
				before := l.Tokens()
				assert.Equal(t, tt.back > 0, r.Cancel())
				assert.InDelta(t, tt.back, l.Tokens()-before, 1e-9)
			})
		})
	}
}

func TestCancelledReservationsDoNotAddUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		rs := make([]ratelimit.Reservation, 10)
		for i := range rs {
			rs[i] = l.Reserve(1)
		}
		for i := range rs {
			rs[(i*7)%10].Cancel()
		}
		assert.Equal(t, 10, drain(l))
	})
}

func TestCancelKeepsWhatIsPromisedToOthers(t *testing.T) { // the tail rule of x/time
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 4)
		l.AllowN(4)
		a := l.Reserve(3)
		b := l.Reserve(1)
		c := l.Reserve(1)
		assert.Equal(t, []time.Duration{300e6, 400e6, 500e6}, []time.Duration{a.Delay(), b.Delay(), c.Delay()})
		time.Sleep(100 * time.Millisecond)
		assert.True(t, c.Cancel(), "one comes back")
		assert.True(t, a.Cancel(), "two come back: b took one on top")
		assert.Equal(t, 300*time.Millisecond, b.Delay(), "a promise")
		d := l.Reserve(3)
		assert.Equal(t, 400*time.Millisecond, d.Delay())
	})
}

func TestSetRateKeepsTheTimeOfAReservation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1)
		l.Allow()
		r := l.Reserve(1)
		l.SetRate(ratelimit.PerHour(1))
		assert.Equal(t, time.Second, r.Delay())
		time.Sleep(500 * time.Millisecond)
		require.True(t, r.Cancel(), "and its tokens can be given back still")
		assert.InDelta(t, 0.5/3600, l.Tokens(), 1e-9)
	})
}

func TestACancelledReservationMovesTheQueueUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 2)
		l.AllowN(2)
		r := l.Reserve(2)
		start, done := time.Now(), make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		synctest.Wait()
		require.True(t, r.Cancel())
		require.NoError(t, <-done)
		assert.Equal(t, time.Second, time.Since(start), "instead of three")
	})
}

func TestWaitReserveGivesBackWhatWasNotUsed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerHour(1), 3)
		r, err := l.WaitReserve(t.Context(), 2)
		require.NoError(t, err)
		assert.True(t, r.OK())
		assert.Zero(t, r.Delay())
		require.True(t, r.Cancel())
		assert.Equal(t, 3, drain(l))

		start := time.Now()
		r, err = l.WaitReserve(t.Context(), 2)
		require.NoError(t, err)
		assert.Equal(t, 2*time.Hour, time.Since(start))
		done := make(chan error)
		go func() { done <- l.WaitN(t.Context(), 2) }()
		synctest.Wait()
		require.True(t, r.Cancel())
		require.NoError(t, <-done)
		assert.Equal(t, 2*time.Hour, time.Since(start), "it has what was given back, at once")
	})
}

func TestACancelledWaitBehindAReservationTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.InitialTokens(0))
		r := l.Reserve(1)
		require.Equal(t, time.Second, r.Delay())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Wait(ctx) }()
		synctest.Wait()
		require.InDelta(t, -2, l.Tokens(), 1e-9)
		cancel()
		require.Equal(t, context.Canceled, <-done)
		require.InDelta(t, -1, l.Tokens(), 1e-9)
		next := l.Reserve(1)
		require.Equal(t, 2*time.Second, next.Delay())
	})
}

func TestReservationsThatAreNotDueAreGivenBackInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}, {3, 0, 1, 2}, {0, 3, 2, 1}} {
		bubble(t, func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(1), 2, ratelimit.InitialTokens(0))
			rs := make([]ratelimit.Reservation, 4)
			for i := range rs {
				rs[i] = l.Reserve(1)
			}
			for _, i := range order {
				rs[i].Cancel()
			}
			assert.InDelta(t, 0, l.Tokens(), 1e-9, "%v", order)
			next := l.Reserve(1)
			assert.Equal(t, time.Second, next.Delay())
		})
	}
}

func TestWhoWaitsMovesUpWhereAReservationLeavesTheLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.InitialTokens(0))
		start := time.Now()
		first := waits(t, start, 0, l.Wait)
		gone := l.Reserve(1)
		second := waits(t, start, 0, l.Wait)
		kept := l.Reserve(1)
		third := waits(t, start, 0, l.Wait)
		require.True(t, gone.Cancel(), "the second has its place")
		assert.Equal(t, 4*time.Second, kept.Delay(), "a promise")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, []time.Duration{1e9, 2e9, 5e9}, []time.Duration{first.at, second.at, third.at})
	})
}

func TestAWaitThatIsCancelledAsItIsServedMovesTheOthersUp(t *testing.T) {
	hits := 0
	for range 300 {
		bubble(t, func(t *testing.T) {
			l := ratelimit.New(ratelimit.PerSecond(1), 2, ratelimit.InitialTokens(0))
			start := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			first := waits(t, start, 0, func(context.Context) error { return l.Wait(ctx) })
			second := waits(t, start, 0, func(ctx context.Context) error { return l.WaitN(ctx, 2) })
			l.SetTokens(1) // serves the first, which most of the time
			cancel()       // does not run before this
			synctest.Wait()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			want := outcome{nil, 2 * time.Second}
			if first.err != nil {
				hits++
				want.at = time.Second
			}
			require.Equal(t, want, *second)
		})
	}
	assert.Positive(t, hits)
}

func TestTheZeroReservationCannotBeCancelledAtAnyTime(t *testing.T) {
	l := ratelimit.New(ratelimit.PerSecond(1), 1)
	var r ratelimit.Reservation
	assert.False(t, l.At(time.Now()).Cancel(&r))
	assert.Equal(t, ratelimit.Never, l.At(time.Now()).Delay(r))
	assert.False(t, l.At(time.Now()).Passed(r))
	assert.True(t, l.Allow())
}

func TestSetRateLooksPastReservationsForThoseItMakesTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.InitialTokens(0))
		start := time.Now()
		first := waits(t, start, 0, l.Wait)
		r := l.Reserve(1)
		second := waits(t, start, 31*time.Second, l.Wait)
		third := waits(t, start, 39*time.Second, l.Wait)
		require.Equal(t, 2*time.Second, r.Delay())
		l.SetRate(ratelimit.Every(10 * time.Second)) // 10, 20, 30, 40
		synctest.Wait()
		assert.Equal(t, 2, l.Waiting())
		assert.ErrorIs(t, third.err, ratelimit.ErrWouldExceedDeadline)
		late, _ := errors.AsType[*ratelimit.WaitError](third.err)
		assert.Equal(t, 40*time.Second, late.Delay)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, outcome{nil, 10 * time.Second}, *first)
		assert.Equal(t, outcome{nil, 30 * time.Second}, *second)
	})
}
