package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestATokenThatWasNotUsedGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerHour(1), 1)
		token, err := l.WaitToken(t.Context())
		require.NoError(t, err)
		require.False(t, l.Allow())
		require.True(t, token.Cancel())
		require.False(t, token.Cancel(), "a second time")
		require.Equal(t, 1, drain(l))

		start := time.Now()
		token, err = l.WaitToken(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Hour, time.Since(start), "it waits as Wait does")
		done := make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		synctest.Wait()
		require.True(t, token.Cancel())
		require.NoError(t, <-done)
		assert.Equal(t, time.Hour, time.Since(start), "who waits has it at once")
	})
}

func TestAUsedUpTokenHasNothingToGiveBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 2)
		token, err := l.WaitToken(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.False(t, token.Cancel(), "the bucket is full without it")
		assert.Equal(t, 2, drain(l))
	})
}

func TestTheZeroToken(t *testing.T) {
	var token ratelimit.Token
	assert.False(t, token.Cancel())
}

func TestWaitTokenFailsAsWaitDoes(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 1, ratelimit.MaxWaiters(0))
	done, cancel := context.WithCancel(t.Context())
	cancel()
	token, err := l.WaitToken(done)
	require.Equal(t, context.Canceled, err)
	require.False(t, token.Cancel())
	require.True(t, l.Allow(), "nothing was taken")
	token, err = l.WaitToken(t.Context())
	require.ErrorIs(t, err, ratelimit.ErrQueueFull)
	require.False(t, token.Cancel())
	unlimited := ratelimit.New(ratelimit.Unlimited, 1)
	token, err = unlimited.WaitToken(t.Context())
	require.NoError(t, err)
	require.False(t, token.Cancel(), "there is nothing to give back")
}

func TestQuickTokenTakesWhatIsThereAndElseDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told := 0
		l := ratelimit.New(ratelimit.PerHour(1), 2, ratelimit.Counted(), ratelimit.On(ratelimit.Events{Denied: func(ratelimit.Event) { told++ }}))
		token, ok := l.QuickToken()
		require.True(t, ok)
		require.True(t, token.Cancel())
		for range 2 {
			_, ok = l.QuickToken()
			require.True(t, ok)
		}
		before := l.Stats()
		assert.EqualValues(t, 3, before.Granted)
		token, ok = l.QuickToken()
		require.False(t, ok)
		require.False(t, token.Cancel())
		assert.Equal(t, before, l.Stats(), "no denial is counted")
		assert.Zero(t, told)

		done := make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		synctest.Wait()
		time.Sleep(time.Hour)
		require.NoError(t, <-done)
		_, ok = l.QuickToken()
		require.False(t, ok, "the token was that of the one who waited")

		_, ok = ratelimit.New(ratelimit.Unlimited, 1).QuickToken()
		require.False(t, ok, "there is no short way")
	})
}

// TestAllWaysToCancelGiveBackTheSame runs one schedule on limiters that differ
// in how a token is taken that is given back later.
func TestAllWaysToCancelGiveBackTheSame(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { sameRefunds(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func sameRefunds(t *testing.T, r *rand.Rand) {
	burst := r.IntN(6) + 1
	var opts []ratelimit.Option
	if r.IntN(4) == 0 { // without the fast path
		opts = append(opts, ratelimit.WarmUp(time.Hour), ratelimit.Counted())
	}
	newLimiter := func() *ratelimit.Limiter {
		return ratelimit.New(ratelimit.PerSecond(5), burst, opts...)
	}
	ls := []*ratelimit.Limiter{newLimiter(), newLimiter(), newLimiter(), newLimiter()}
	var taken [][]interface{ Cancel() bool }
	var delayed [][]*ratelimit.Reservation
	for range 60 {
		switch r.IntN(9) {
		case 0, 1, 2:
			ways := []interface{ Cancel() bool }{}
			for i, l := range ls {
				if !hasToken(l) {
					break
				}
				ways = append(ways, takeBy(t, l, i))
			}
			if len(ways) > 0 {
				require.Len(t, ways, len(ls))
				taken = append(taken, ways)
			}
		case 3:
			n := r.IntN(burst) + 1
			var rs []*ratelimit.Reservation
			for _, l := range ls {
				res := l.Reserve(n)
				rs = append(rs, &res)
			}
			delayed = append(delayed, rs)
		case 4:
			if len(delayed) > 0 {
				i := r.IntN(len(delayed))
				want := delayed[i][0].Cancel()
				for _, res := range delayed[i][1:] {
					require.Equal(t, want, res.Cancel())
				}
			}
		case 5, 6:
			if len(taken) > 0 {
				i := r.IntN(len(taken))
				want := taken[i][0].Cancel()
				for _, way := range taken[i][1:] {
					require.Equal(t, want, way.Cancel())
				}
			}
		case 7:
			rate := ratelimit.PerSecond(r.IntN(9) + 1)
			for _, l := range ls {
				l.SetRate(rate)
			}
		case 8:
			time.Sleep(time.Duration(r.Int64N(5e8)))
		}
		for _, l := range ls[1:] {
			require.InDelta(t, ls[0].Tokens(), l.Tokens(), 1e-12)
		}
	}
}

// hasToken reports whether a token is there.
func hasToken(l *ratelimit.Limiter) bool { return l.Take(0).Remaining > 0 }

func takeBy(t *testing.T, l *ratelimit.Limiter, way int) interface{ Cancel() bool } {
	t.Helper()
	switch way {
	case 0:
		r := l.Reserve(1)
		require.Zero(t, r.Delay())
		return &r
	case 1:
		r, err := l.WaitReserve(t.Context(), 1)
		require.NoError(t, err)
		return &r
	case 2:
		if token, ok := l.QuickToken(); ok {
			return &token
		}
	}
	token, err := l.WaitToken(t.Context())
	require.NoError(t, err)
	return &token
}
