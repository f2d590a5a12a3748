package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestWhatOneGaveBackIsNotThereForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 8)
		first, six, a := l.Reserve(1), l.Reserve(6), l.Reserve(1)
		first.Cancel()
		b := l.Reserve(1)
		time.Sleep(500 * time.Millisecond)
		require.True(t, six.Cancel())
		require.True(t, l.Allow()) // with a and b still out: without them the bucket was full here
		require.True(t, a.Cancel())
		require.True(t, b.Cancel())
		require.InDelta(t, 7, l.Tokens(), 1e-9, "one was used")
	})
}

func TestALargerBurstRevivesNoReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 5)
		r := l.Reserve(5)
		time.Sleep(5 * time.Second) // the bucket is full without it
		l.SetBurst(10)
		require.False(t, r.Cancel())
		require.InDelta(t, 5, l.Tokens(), 1e-9)

		r = l.Reserve(3)
		l.SetBurst(1) // without it there would be one, too
		l.SetBurst(10)
		require.False(t, r.Cancel())
		require.InDelta(t, 1, l.Tokens(), 1e-9)
	})
}

func TestASmallerBurstBoundsWhatIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.InitialTokens(5))
		r := l.Reserve(3)
		l.SetBurst(4) // two are left; without it there would be four
		require.True(t, r.Cancel())
		require.InDelta(t, 4, l.Tokens(), 1e-9)
	})
}

// held is a grant that may yet be cancelled, or was used when it was due.
type held struct {
	due, n int64
	r      ratelimit.Reservation
	gone   bool
}

// TestWhatIsGivenBackFitsIntoEveryWindow takes and gives back in every order, and
// checks every window over what was not given back.
func TestWhatIsGivenBackFitsIntoEveryWindow(t *testing.T) {
	for seed := range uint64(4000) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refunds(t, rand.New(rand.NewPCG(seed, 6))) })
		})
	}
}

func refunds(t *testing.T, r *rand.Rand) {
	burst := r.IntN(12) + 1
	delays := r.IntN(3) > 0
	g := &grants{count: 1, period: 1e9, burst: int64(burst)}
	l := ratelimit.New(ratelimit.PerSecond(1), burst)
	start := time.Now()
	var all []*held
	for range 40 {
		now := int64(time.Since(start))
		switch r.IntN(6) {
		case 0, 1:
			n := r.IntN(burst) + 1
			if !delays && float64(n) > l.Tokens() {
				continue
			}
			res := l.Reserve(n)
			all = append(all, &held{due: now + int64(res.Delay()), n: int64(n), r: res})
		case 2:
			if n := l.TakeUpTo(r.IntN(burst) + 1); n > 0 {
				all = append(all, &held{due: now, n: int64(n)})
			}
		case 3, 4:
			if len(all) > 0 {
				h := all[r.IntN(len(all))]
				if h.r.OK() && !h.gone {
					h.r.Cancel()
					h.gone = true
				}
			}
		case 5:
			time.Sleep(time.Duration(r.Int64N(int64(burst) * 6e8)))
		}
	}
	all = slices.DeleteFunc(all, func(h *held) bool { return h.gone })
	slices.SortStableFunc(all, func(a, b *held) int { return int(a.due - b.due) })
	for _, h := range all {
		require.True(t, g.admits(h.due+1, h.n), "%d tokens at %v", h.n, time.Duration(h.due))
		g.add(h.due, h.n)
	}
}

func TestOfManyRefundsTheLeastThatTheyLeftIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1000)
		before, r := l.Reserve(30), l.Reserve(50)
		require.True(t, before.Cancel()) // what r took would be here again after 50 s
		for range 200 {                  // more than are told apart, each above the one before
			other := l.Reserve(1)
			require.True(t, other.Cancel())
			require.True(t, l.Allow())
		}
		time.Sleep(20 * time.Second)
		have := l.Tokens()
		require.True(t, r.Cancel())
		require.InDelta(t, have+30, l.Tokens(), 1e-9)
	})
}

func TestARefundPastAPromiseBindsUntilThatIsDueAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 4, ratelimit.InitialTokens(0))
		big, small := l.Reserve(3), l.Reserve(1)
		require.Equal(t, 4*time.Second, small.Delay())
		require.True(t, big.Cancel(), "two of three: one stands behind them")
		require.InDelta(t, -2, l.Tokens(), 1e-9)
		r := l.Reserve(1)
		require.False(t, r.Cancel(), "it is not known to come behind the promise")
		time.Sleep(5 * time.Second)
		r = l.Reserve(2)
		before := l.Tokens()
		require.True(t, r.Cancel(), "the promise is past")
		require.InDelta(t, before+2, l.Tokens(), 1e-9)
	})
}

func TestARefundPastAPromiseMovesUpThoseWhoWaitBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10)
		r, promised := l.Reserve(10), l.Reserve(1)
		start := time.Now()
		first := waits(t, start, 0, func(ctx context.Context) error { return l.WaitN(ctx, 4) })
		require.True(t, r.Cancel()) // four: of ten, one is promised and five are what lies between
		require.InDelta(t, -1, l.Tokens(), 1e-9)
		second := waits(t, start, 0, l.Wait)
		require.Equal(t, time.Second, promised.Delay())
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, outcome{nil, time.Second}, *first, "instead of five")
		require.Equal(t, outcome{nil, 2 * time.Second}, *second)
	})
}

// alternately reserves so often, with a wait behind each that then leaves: as many runs.
func alternately(t *testing.T, l *ratelimit.Limiter, many int) []ratelimit.Reservation {
	t.Helper()
	rs := make([]ratelimit.Reservation, many)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range rs {
		rs[i] = l.Reserve(1)
		require.Equal(t, time.Duration(2*i+1)*time.Second, rs[i].Delay())
		waits(t, time.Now(), 0, func(context.Context) error { return l.Wait(ctx) })
	}
	cancel()
	synctest.Wait()
	require.Zero(t, l.Waiting())
	return rs
}

func TestManyReservationsGoBackFromTheLastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.InitialTokens(0))
		rs := alternately(t, l, 200)
		for i := range rs {
			require.True(t, rs[len(rs)-1-i].Cancel() || i < len(rs)-1)
		}
		require.InDelta(t, 0, l.Tokens(), 1e-6)
		next := l.Reserve(1)
		require.Equal(t, time.Second, next.Delay())
	})
}

func TestOfReservationsBeyondAllBoundsLessIsGivenBackNeverMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 300
		l := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.InitialTokens(0))
		rs := alternately(t, l, many)
		for i := 0; i < many; i += 2 {
			rs[i].Cancel()
		}
		require.InDelta(t, 1-2*many, l.Tokens(), 1e-6, "others stand behind them")
		for i := many - 1; i > 0; i -= 2 {
			rs[i].Cancel()
			require.LessOrEqual(t, l.Tokens(), 0-float64(i/2)+1e-6) // those that still stand
		}
		require.LessOrEqual(t, l.Tokens(), 0+1e-6)
		time.Sleep(2 * many * time.Second)
		require.InDelta(t, 1, l.Tokens(), 0)
		r := l.Reserve(1)
		require.True(t, r.Cancel(), "and it is exact again")
	})
}
