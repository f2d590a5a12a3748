package rate_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/rejection"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/rate"
)

const d = 100 * time.Millisecond

// A program's own clock: any time, here long before the limiter is made.
var t0 = time.Date(2009, 11, 10, 23, 0, 0, 0, time.UTC)

func at(n int) time.Time { return t0.Add(time.Duration(n) * d) }

func TestAllowNFollowsExplicitTimes(t *testing.T) {
	type step struct {
		at, n  int
		tokens float64
		ok     bool
	}
	tests := []struct {
		name  string
		burst int
		steps []step
	}{
		{"burst 1", 1, []step{{0, 1, 1, true}, {0, 1, 0, false}, {1, 1, 1, true}, {1, 1, 0, false}, {2, 2, 1, false}, {2, 1, 1, true}}},
		{"burst 3", 3, []step{{0, 2, 3, true}, {0, 2, 1, false}, {0, 1, 1, true}, {1, 4, 1, false}, {3, 1, 3, true}, {4, 3, 3, true}, {4, 1, 0, false}, {9, 3, 3, true}}},
		{"back and forth", 3, []step{{1, 1, 3, true}, {0, 1, 2, true}, {0, 1, 1, true}, {0, 1, 0, false}, {1, 1, 0, false}, {2, 1, 1, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := rate.NewLimiter(10, tt.burst)
			for i, s := range tt.steps {
				assert.InDelta(t, s.tokens, l.TokensAt(at(s.at)), 1e-9, "step %d", i)
				assert.Equal(t, s.ok, l.AllowN(at(s.at), s.n), "step %d", i)
			}
		})
	}
}

func TestTimestampsOutOfOrderMintNothing(t *testing.T) { // P21
	l := rate.NewLimiter(1000, 10)
	now, admitted := time.Now(), 0
	for range 10_000 {
		for _, ts := range []time.Time{now, now.Add(-5 * time.Millisecond)} {
			if l.AllowN(ts, 1) {
				admitted++
			}
		}
	}
	assert.Equal(t, 10, admitted)

	l = rate.NewLimiter(1000, 1)
	var last *rate.Reservation
	for i := range 2000 {
		last = l.ReserveN(now.Add(-time.Duration(i%2)*5*time.Millisecond), 1)
	}
	assert.Equal(t, 1999*time.Millisecond, last.DelayFrom(now).Round(time.Microsecond))
}

// act is what a reservation at a time is to say.
type act struct{ at, n, act int }

func reserve(t *testing.T, l *rate.Limiter, a act) *rate.Reservation {
	t.Helper()
	r := l.ReserveN(at(a.at), a.n)
	require.True(t, r.OK())
	assert.Equal(t, max(0, time.Duration(a.act-a.at)*d), r.DelayFrom(at(a.at)), "reserve %+v", a)
	return r
}

func TestReservations(t *testing.T) {
	t.Run("simple", func(t *testing.T) {
		l := rate.NewLimiter(10, 2)
		reserve(t, l, act{0, 2, 0})
		reserve(t, l, act{0, 2, 2})
		reserve(t, l, act{3, 2, 4})
	})
	t.Run("too many", func(t *testing.T) {
		l := rate.NewLimiter(10, 2)
		reserve(t, l, act{0, 2, 0})
		r := l.ReserveN(at(0), 3)
		assert.False(t, r.OK())
		assert.Equal(t, rate.InfDuration, r.Delay())
		assert.Equal(t, rate.InfDuration, r.DelayFrom(at(0)))
		r.Cancel()
		r.CancelAt(at(0))
		reserve(t, l, act{3, 2, 3})
	})
	t.Run("cancel the last", func(t *testing.T) {
		l := rate.NewLimiter(10, 2)
		reserve(t, l, act{0, 2, 0})
		r := reserve(t, l, act{0, 2, 2})
		r.CancelAt(at(1))
		r.CancelAt(at(1)) // nothing is given back twice
		reserve(t, l, act{1, 2, 2})
	})
	t.Run("too late to cancel", func(t *testing.T) {
		l := rate.NewLimiter(10, 2)
		reserve(t, l, act{0, 2, 0})
		r := reserve(t, l, act{0, 2, 2})
		r.CancelAt(at(3))
		reserve(t, l, act{3, 2, 4})
		immediate := l.ReserveN(at(20), 2)
		immediate.CancelAt(at(20).Add(1))
		assert.InDelta(t, 0, l.TokensAt(at(20)), 1e-6)
	})
	t.Run("cancel past others", func(t *testing.T) {
		l := rate.NewLimiter(10, 4)
		reserve(t, l, act{0, 4, 0})
		a := reserve(t, l, act{0, 3, 3})
		reserve(t, l, act{0, 1, 4})
		c := reserve(t, l, act{0, 1, 5})
		c.CancelAt(at(1)) // one token back
		a.CancelAt(at(1)) // two tokens back
		reserve(t, l, act{1, 3, 5})
	})
	t.Run("SetLimit", func(t *testing.T) {
		l := rate.NewLimiter(5, 2)
		reserve(t, l, act{0, 2, 0})
		r := reserve(t, l, act{0, 2, 4})
		l.SetLimitAt(at(2), 10)
		r.CancelAt(at(2))
		reserve(t, l, act{2, 2, 3})
	})
	t.Run("SetBurst", func(t *testing.T) {
		l := rate.NewLimiter(5, 2)
		reserve(t, l, act{0, 2, 0})
		reserve(t, l, act{0, 2, 4})
		l.SetBurstAt(at(3), 4)
		assert.Equal(t, 4, l.Burst())
		reserve(t, l, act{3, 4, 12})
	})
	t.Run("by the clock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := rate.NewLimiter(10, 1)
			assert.Zero(t, l.Reserve().Delay())
			r := l.Reserve()
			assert.Equal(t, d, r.Delay())
			time.Sleep(d / 2)
			r.Cancel()
			assert.InDelta(t, 0.5, l.Tokens(), 1e-9)
		})
	})
}

func TestEverythingThatTheOriginalAccepts(t *testing.T) {
	var zero rate.Limiter
	assert.False(t, zero.Allow())
	assert.False(t, zero.AllowN(time.Now(), 1))
	assert.True(t, zero.AllowN(time.Now(), 0))
	assert.Zero(t, zero.Tokens())
	assert.Zero(t, zero.Burst())
	assert.Equal(t, rate.Limit(0), zero.Limit())
	assert.False(t, zero.Reserve().OK())
	require.EqualError(t, zero.Wait(t.Context()), "rate: Wait(n=1) exceeds limiter's burst 0")
	zero.SetBurst(3)
	assert.False(t, zero.Allow(), "no tokens")
	zero.SetLimit(rate.Inf)
	assert.True(t, zero.Allow())

	inf := rate.NewLimiter(rate.Inf, 0)
	for range 100 {
		require.True(t, inf.Allow())
		require.True(t, inf.AllowN(time.Now(), 1000))
	}
	require.NoError(t, inf.WaitN(t.Context(), 1000))
	assert.Zero(t, inf.Reserve().Delay())

	none := rate.NewLimiter(0, 1)
	assert.True(t, none.AllowN(t0, 1))
	assert.False(t, none.AllowN(t0.Add(1000*time.Hour), 1))

	tiny := rate.NewLimiter(1e-10, 1)
	assert.True(t, tiny.AllowN(t0, 1))
	assert.False(t, tiny.AllowN(t0.Add(time.Hour), 1))

	assert.True(t, rate.NewLimiter(1, math.MaxInt).AllowN(time.Now(), 1_000_000))
	assert.False(t, rate.NewLimiter(-1, -1).Allow())
	assert.True(t, rate.NewLimiter(rate.Limit(math.Inf(1)), 0).Allow())
	assert.Equal(t, rate.Limit(1e15), rate.NewLimiter(1e15, 1).Limit())

	assert.Equal(t, rate.Inf, rate.Every(0))
	assert.Equal(t, rate.Inf, rate.Every(-1))
	assert.InDelta(t, 10, float64(rate.Every(d)), 1e-12)
	assert.Panics(t, func() { rate.NewLimiter(rate.Limit(math.NaN()), 1) })
	assert.Panics(t, func() { inf.AllowN(time.Now(), -1) })
}

// The rows of the table in the package documentation that no other test is about.
func TestWhereItDiffersFromTheOriginal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rate.NewLimiter(10, 2)
		reserve(t, l, act{0, 2, 0})
		reserve(t, l, act{0, 2, 2})
		assert.True(t, l.AllowN(at(0), 0), "n = 0 while tokens are owed")
		assert.Zero(t, l.ReserveN(at(0), 0).DelayFrom(at(0)))
		require.NoError(t, l.WaitN(t.Context(), 0))

		none := rate.NewLimiter(0, 2)
		assert.True(t, none.ReserveN(at(0), 2).OK())
		assert.False(t, none.ReserveN(at(0), 1).OK(), "while the limit is 0")
		assert.Zero(t, none.TokensAt(at(9)), "and nothing was taken")

		assert.Zero(t, rate.NewLimiter(1, -3).TokensAt(at(0)), "burst below 0")
		assert.Equal(t, -3, rate.NewLimiter(1, -3).Burst())

		free := rate.NewLimiter(rate.Inf, 5)
		free.SetLimitAt(at(0), 1)
		assert.InDelta(t, 5, free.TokensAt(at(0)), 1e-9, "from Inf to a limit")

		l = rate.NewLimiter(7, 1)
		require.True(t, l.AllowN(at(0), 1))
		var rs []*rate.Reservation
		for range 20 {
			rs = append(rs, l.ReserveN(at(0), 1))
		}
		for i := range rs {
			rs[len(rs)-1-i].CancelAt(at(0))
		}
		assert.InDelta(t, 0, l.TokensAt(at(0)), 1e-6, "the last first")

		l = rate.NewLimiter(1, 1)
		require.True(t, l.AllowN(at(0), 1))
		require.True(t, l.AllowN(at(0).AddDate(1000, 0, 0), 1), "any year")
	})
}

func TestAReservationCanBeCancelledUntilItsVeryMoment(t *testing.T) {
	for late, want := range []float64{1, 0} {
		l := rate.NewLimiter(10, 1)
		reserve(t, l, act{0, 1, 0})
		r := reserve(t, l, act{0, 1, 1})
		r.CancelAt(at(1).Add(time.Duration(late)))
		assert.InDelta(t, want, l.TokensAt(at(1)), 1e-6)
	}
}

func TestWallTimesAreCountedFromOneMoment(t *testing.T) {
	for range 200 {
		l := rate.NewLimiter(10, 1)
		future := time.Now().Add(time.Hour).Round(0) // without a monotonic reading
		require.True(t, l.AllowN(future, 1))
		assert.Equal(t, d, l.ReserveN(future, 1).DelayFrom(future))
	}
}

func TestABurstOfZeroAllowsNothingUntilItIsRaised(t *testing.T) {
	l := rate.NewLimiter(10, 5)
	l.AllowN(at(0), 2)
	l.SetBurstAt(at(0), 0)
	assert.Zero(t, l.TokensAt(at(9)))
	assert.False(t, l.AllowN(at(9), 1))
	l.SetBurstAt(at(10), 2)
	assert.False(t, l.AllowN(at(10), 1), "nothing was gained meanwhile")
	assert.True(t, l.AllowN(at(11), 1))
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rate.NewLimiter(10, 3)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Equal(t, context.Canceled, l.Wait(gone))
		assert.Equal(t, context.Canceled, l.WaitN(gone, 4))
		err := l.WaitN(t.Context(), 4)
		require.EqualError(t, err, "rate: Wait(n=4) exceeds limiter's burst 3")
		require.ErrorIs(t, err, ratelimit.ErrExceedsBurst)
		require.NoError(t, l.WaitN(t.Context(), 2))
		start := time.Now()
		require.NoError(t, l.WaitN(t.Context(), 3))
		assert.Equal(t, 2*d, time.Since(start))

		hurry, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		start = time.Now()
		err = l.WaitN(hurry, 3)
		require.EqualError(t, err, "rate: Wait(n=3) would exceed context deadline")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
		after, _ := rejection.After(err)
		assert.Equal(t, 3*d, after)
		assert.True(t, rejection.Is(err))
		assert.Equal(t, start, time.Now())
	})
}

func TestSetLimitWakesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rate.NewLimiter(0, 1)
		l.Allow()
		done := make(chan error)
		go func() { done <- l.Wait(t.Context()) }()
		time.Sleep(time.Hour)
		l.SetLimit(10)
		start := time.Now()
		require.NoError(t, <-done)
		assert.Equal(t, d, time.Since(start))
	})
}

func TestSimultaneousRequestsGetTheBurst(t *testing.T) {
	l := rate.NewLimiter(0.001, 5)
	var n atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if l.Allow() {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 5, n.Load())
}

func TestSometimes(t *testing.T) {
	tests := []struct {
		name string
		s    *rate.Sometimes
		want int
	}{
		{"zero", &rate.Sometimes{}, 1},
		{"first", &rate.Sometimes{First: 3}, 3},
		{"negative", &rate.Sometimes{First: -1, Every: -1, Interval: -1}, 1},
		{"every", &rate.Sometimes{Every: 3}, 4},
		{"every, first", &rate.Sometimes{First: 2, Every: 3}, 5},
		{"interval", &rate.Sometimes{Interval: 3 * time.Second}, 4},
		{"all", &rate.Sometimes{First: 2, Every: 7, Interval: 4 * time.Second}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := 0
				for range 10 {
					tt.s.Do(func() { ran++ })
					time.Sleep(time.Second)
				}
				assert.Equal(t, tt.want, ran)
			})
		})
	}
	t.Run("a panic does not count", func(t *testing.T) {
		var s rate.Sometimes
		assert.Panics(t, func() { s.Do(func() { panic("x") }) })
		ran := 0
		s.Do(func() { ran++ })
		s.Do(func() { ran++ })
		assert.Equal(t, 1, ran)
	})
}

func TestAllowAllocatesNothing(t *testing.T) {
	l := rate.NewLimiter(1e9, 1<<30)
	now, ctx := time.Now(), t.Context()
	for name, f := range map[string]func(){
		"Allow": func() { l.Allow() }, "AllowN": func() { l.AllowN(now, 2) },
		"Wait": func() { _ = l.Wait(ctx) }, "Tokens": func() { l.Tokens() },
	} {
		assert.LessOrEqual(t, testing.AllocsPerRun(100, f), 0.0, name)
	}
}

func BenchmarkAllow(b *testing.B) {
	l := rate.NewLimiter(1e9, 1<<30)
	b.Run("impl=weir", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Allow()
		}
	})
	var mu sync.Mutex
	b.Run("impl=mutex and clock", func(b *testing.B) { // the least that the original does
		for b.Loop() {
			mu.Lock()
			_ = time.Now()
			mu.Unlock()
		}
	})
}
