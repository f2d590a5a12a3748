package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// waits starts one that waits with a deadline and returns what it got, and when.
type outcome struct {
	err error
	at  time.Duration
}

func waits(t *testing.T, start time.Time, deadline time.Duration, wait func(context.Context) error) *outcome {
	t.Helper()
	o := &outcome{}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if deadline > 0 {
		ctx, cancel = context.WithDeadline(ctx, start.Add(deadline))
	}
	go func() {
		defer cancel()
		err := wait(ctx)
		*o = outcome{err, time.Since(start)}
	}()
	synctest.Wait()
	return o
}

func TestWhoeverWaitsForAllFailsAtOnceWhenAChangeMakesItTooLate(t *testing.T) {
	for _, which := range []string{"the limit that binds", "another"} {
		bubble(t, func(t *testing.T) {
			a, b := ratelimit.New(ratelimit.PerSecond(1), 1), ratelimit.New(ratelimit.PerSecond(100), 1)
			m := ratelimit.All(a, b)
			require.True(t, m.Allow())
			start := time.Now()
			head := waits(t, start, 1500*time.Millisecond, m.Wait)
			second := waits(t, start, 0, m.Wait)
			third := waits(t, start, 9*time.Second, m.Wait)
			fourth := waits(t, start, time.Minute, m.Wait)
			time.Sleep(100 * time.Millisecond)
			changed := a
			if which == "another" {
				changed = b
				require.True(t, b.Allow())
			}
			changed.SetRate(ratelimit.Every(10 * time.Second))
			synctest.Wait()
			assert.ErrorIs(t, head.err, ratelimit.ErrWouldExceedDeadline, which)
			assert.ErrorIs(t, head.err, context.DeadlineExceeded)
			assert.ErrorIs(t, third.err, ratelimit.ErrWouldExceedDeadline, which)
			assert.Equal(t, 100*time.Millisecond, head.at, "at once")
			assert.Equal(t, 100*time.Millisecond, third.at)
			assert.Equal(t, 2, m.Waiting(), "they have left the queue")
			changed.SetRate(ratelimit.PerSecond(10))
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.NoError(t, second.err)
			assert.NoError(t, fourth.err)
			assert.Less(t, second.at, fourth.at)
			assert.LessOrEqual(t, fourth.at, 2*time.Second, "repriced the other way, too")
		})
	}
}

func TestASmallerBurstFailsThoseWhoWaitForMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := ratelimit.New(ratelimit.PerSecond(1), 5), ratelimit.New(ratelimit.PerSecond(1), 5)
		m := ratelimit.All(a, b)
		require.True(t, m.AllowN(5))
		start := time.Now()
		first := waits(t, start, 0, func(ctx context.Context) error { return m.WaitN(ctx, 4) })
		second := waits(t, start, 0, func(ctx context.Context) error { return m.WaitN(ctx, 3) })
		third := waits(t, start, 0, m.Wait)
		b.SetBurst(2)
		synctest.Wait()
		assert.Equal(t, ratelimit.ErrExceedsBurst, first.err)
		assert.Equal(t, ratelimit.ErrExceedsBurst, second.err)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, outcome{nil, time.Second}, *third)
	})
}

func TestObserveAndSetTokensRepriceThoseWhoWaitForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := ratelimit.New(ratelimit.PerSecond(1), 1), ratelimit.New(ratelimit.PerSecond(1), 10)
		m := ratelimit.All(a, b)
		require.True(t, m.Allow())
		start := time.Now()
		head := waits(t, start, 5*time.Second, m.Wait)
		b.SetTokens(-7)
		synctest.Wait()
		assert.ErrorIs(t, head.err, ratelimit.ErrWouldExceedDeadline)
		head = waits(t, start, 30*time.Second, m.Wait)
		b.Observe(0, time.Minute)
		synctest.Wait()
		assert.ErrorIs(t, head.err, ratelimit.ErrWouldExceedDeadline)
		assert.Zero(t, head.at)
	})
}

func TestTheBindingLimitBoundsTheQueueOfAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWaiters(2), ratelimit.MaxWait(3*time.Second))
		m := ratelimit.All(a, ratelimit.New(ratelimit.PerSecond(100), 100))
		require.True(t, m.Allow())
		start := time.Now()
		first, second := waits(t, start, 0, m.Wait), waits(t, start, 0, m.Wait)
		assert.Equal(t, ratelimit.ErrQueueFull, m.Wait(t.Context()))
		a.SetRate(ratelimit.PerSecond(0.2))
		synctest.Wait()
		assert.ErrorIs(t, first.err, ratelimit.ErrWouldExceedMaxWait, "MaxWait")
		assert.ErrorIs(t, second.err, ratelimit.ErrWouldExceedMaxWait)
		require.ErrorIs(t, m.Wait(t.Context()), ratelimit.ErrWouldExceedMaxWait)
		assert.Zero(t, m.Waiting())
	})
}

func TestWithMaxWaitersOfNoneNobodyWaitsForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := ratelimit.All(ratelimit.New(ratelimit.PerSecond(1), 1, ratelimit.MaxWaiters(0)), ratelimit.New(ratelimit.PerSecond(5), 5))
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, ratelimit.ErrQueueFull, m.Wait(t.Context()))
		assert.Panics(t, func() { _ = m.WaitN(t.Context(), -1) })
		assert.Panics(t, func() { _, _ = m.WaitReserve(t.Context(), -1) })
		time.Sleep(time.Second)
		require.NoError(t, m.Wait(t.Context()))
	})
}

func TestWhatAllReservedCanBeGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := ratelimit.New(ratelimit.PerSecond(1), 3), ratelimit.New(ratelimit.PerHour(1), 5)
		m := ratelimit.All(a, b)
		r := m.Reserve(3)
		require.True(t, r.OK())
		assert.Zero(t, r.Delay())
		refused := m.Reserve(1)
		assert.False(t, refused.OK())
		assert.Equal(t, ratelimit.Never, refused.Delay())
		assert.False(t, refused.Cancel())
		start := time.Now()
		next := waits(t, start, 0, func(ctx context.Context) error {
			w, err := m.WaitReserve(ctx, 2)
			assert.True(t, w.OK())
			assert.True(t, w.Cancel())
			return err
		})
		time.Sleep(500 * time.Millisecond)
		held := m.Reserve(1)
		assert.False(t, held.OK(), "somebody waits")
		assert.True(t, r.Cancel())
		assert.False(t, r.Cancel(), "once")
		synctest.Wait()
		assert.Equal(t, outcome{nil, 500 * time.Millisecond}, *next, "it moved up")
		assert.Equal(t, 3, a.Take(0).Remaining)
		assert.Equal(t, 5, b.Take(0).Remaining, "all came back")

		none, err := m.WaitReserve(t.Context(), 0)
		require.NoError(t, err)
		assert.True(t, none.OK())
		assert.False(t, none.Cancel())
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		none, err = m.WaitReserve(gone, 1)
		assert.Equal(t, context.Canceled, err)
		assert.False(t, none.OK())
		assert.Panics(t, func() { m.Reserve(-1) })
	})
}

func TestALimiterDoesNotKeepTheMultisOfThePast(t *testing.T) {
	l := ratelimit.New(ratelimit.PerSecond(1000), 1)
	w := func() weak.Pointer[ratelimit.Multi] {
		m := ratelimit.All(l)
		for range 3 {
			require.NoError(t, m.Wait(t.Context()))
		}
		return weak.Make(m)
	}()
	for range 10 {
		runtime.GC()
	}
	assert.Nil(t, w.Value())
	runtime.KeepAlive(l)
}

func TestAllWhileItsLimitsChange(t *testing.T) {
	a, b := ratelimit.New(ratelimit.PerSecond(2000), 10), ratelimit.New(ratelimit.PerSecond(3000), 5)
	m := ratelimit.All(a, b)
	var served, refused atomic.Int64
	var wg, setter sync.WaitGroup
	stop := make(chan struct{})
	setter.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				a.SetRate(ratelimit.PerSecond(500 + i%3*2000))
				b.SetRate(ratelimit.PerSecond(500 + i%2*4000))
			}
		}
	})
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(int64(30*time.Millisecond))))
				if m.WaitN(ctx, 1+r.IntN(2)) == nil {
					served.Add(1)
				} else {
					refused.Add(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	close(stop)
	setter.Wait()
	assert.EqualValues(t, 16*30, served.Load()+refused.Load())
	assert.Zero(t, m.Waiting())
	require.NoError(t, m.Wait(t.Context()), "and it works still")
}

func TestWindowsRepriceThoseWhoWait(t *testing.T) {
	for _, name := range []string{"fixed", "sliding"} {
		bubble(t, func(t *testing.T) {
			w := windowsOf(4, time.Minute)[name]
			require.True(t, w.AllowN(4))
			start := time.Now()
			big := waits(t, start, 0, func(ctx context.Context) error { return w.WaitN(ctx, 3) })
			short := waits(t, start, 90*time.Second, w.Wait)
			slow := waits(t, start, 3*time.Minute-1, w.Wait)
			patient := waits(t, start, 0, w.Wait)
			last := waits(t, start, 0, w.Wait)
			w.SetLimit(1)
			synctest.Wait()
			assert.Equal(t, outcome{ratelimit.ErrExceedsBurst, 0}, *big, name)
			assert.Equal(t, 4, w.Waiting(), "its place is free, so that they still make it")
			w.SetLimit(4)
			w.SetLimit(1)
			assert.Equal(t, 1, w.Limit())
			assert.Equal(t, ratelimit.Decision{Limit: 1, RetryAfter: 5 * time.Minute, ResetAfter: time.Minute}, w.Take(1))
			time.Sleep(61 * time.Second)
			synctest.Wait()
			assert.Equal(t, outcome{nil, time.Minute}, *short, name)
			w.SetLimit(3)
			synctest.Wait()
			for _, o := range []*outcome{slow, patient} {
				assert.Equal(t, outcome{nil, 61 * time.Second}, *o, name)
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			assert.NoError(t, last.err)
			assert.LessOrEqual(t, last.at, 121*time.Second)
		})
		bubble(t, func(t *testing.T) {
			w := windowsOf(4, time.Minute)[name]
			require.True(t, w.AllowN(4))
			start := time.Now()
			first := waits(t, start, 0, w.Wait)
			second := waits(t, start, 90*time.Second, w.Wait)
			time.Sleep(time.Second)
			w.SetLimit(1)
			synctest.Wait()
			assert.ErrorIs(t, second.err, ratelimit.ErrWouldExceedDeadline)
			assert.Equal(t, time.Second, second.at, "at once")
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, outcome{nil, time.Minute}, *first)
			assert.Panics(t, func() { w.SetLimit(0) })
		})
	}
}

func TestMisuseIsAPanicThatNamesTheFix(t *testing.T) {
	var nothing func(context.Context) error
	ctx := t.Context()
	keyed := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 1)
	multi := ratelimit.All(ratelimit.New(ratelimit.PerSecond(1), 1))
	fixed, sliding := ratelimit.NewFixedWindow(1, time.Second), ratelimit.NewSlidingWindow(1, time.Second)
	tests := []struct {
		want string
		f    func()
	}{
		{"ratelimit: fn must not be nil", func() { _ = keyed.Do(ctx, "a", nothing) }},
		{"ratelimit: fn must not be nil", func() { _ = multi.Do(ctx, nothing) }},
		{"ratelimit: fn must not be nil", func() { _ = multi.Limits()[0].Do(ctx, nothing) }},
		{"ratelimit: fn must not be nil", func() { _, _ = ratelimit.Do[int](ctx, multi, nil) }},
		{"ratelimit: fn must not be nil", func() { _, _ = ratelimit.Do[int](ctx, multi.Limits()[0], nil) }},
		{"ratelimit: the policy of Do must not be nil", func() {
			_, _ = ratelimit.Do(ctx, nil, func(context.Context) (int, error) { return 1, nil })
		}},
		{"ratelimit: fn must not be nil", func() { _ = fixed.Do(ctx, nothing) }},
		{"ratelimit: fn must not be nil", func() { _ = sliding.Do(ctx, nothing) }},
		{"ratelimit: the options of NewKeyed must not be nil, number 1 is", func() {
			ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 1, ratelimit.MaxKeys(1), nil)
		}},
		{"ratelimit: the Keyed was not made; use NewKeyed", func() { new(ratelimit.Keyed[int]).Allow(1) }},
		{"ratelimit: the Keyed was not made; use NewKeyed", func() { new(ratelimit.Keyed[int]).Take(1, 1) }},
		{"ratelimit: the Keyed was not made; use NewKeyed", func() { _ = new(ratelimit.Keyed[int]).Wait(ctx, 1) }},
		{"ratelimit: the Multi was not made; use All", func() { new(ratelimit.Multi).Allow() }},
		{"ratelimit: the Multi was not made; use All", func() { _ = new(ratelimit.Multi).Wait(ctx) }},
		{"ratelimit: the FixedWindow was not made; use NewFixedWindow", func() { new(ratelimit.FixedWindow).Allow() }},
		{"ratelimit: the FixedWindow was not made; use NewFixedWindow", func() { _ = new(ratelimit.FixedWindow).Wait(ctx) }},
		{"ratelimit: the FixedWindow was not made; use NewFixedWindow", func() { new(ratelimit.FixedWindow).SetLimit(1) }},
		{"ratelimit: the SlidingWindow was not made; use NewSlidingWindow", func() { new(ratelimit.SlidingWindow).Allow() }},
		{"ratelimit: the SlidingWindow was not made; use NewSlidingWindow", func() { _ = new(ratelimit.SlidingWindow).Wait(ctx) }},
		{"ratelimit: the SlidingWindow was not made; use NewSlidingWindow", func() { new(ratelimit.SlidingWindow).SetLimit(1) }},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.want, tt.f)
	}
	assert.True(t, keyed.Allow("a"), "nothing was taken")
	assert.True(t, multi.Allow())
	assert.True(t, fixed.Allow())
	assert.True(t, sliding.Allow())
}

func TestDecisionsOfAllAndTheWindowsAllocateNothing(t *testing.T) {
	m := ratelimit.All(ratelimit.New(ratelimit.PerSecond(1e9), 1<<30), ratelimit.New(ratelimit.PerSecond(1e9), 1<<30))
	none := ratelimit.All(ratelimit.New(ratelimit.PerHour(1), 1), ratelimit.New(ratelimit.PerHour(1), 1))
	require.True(t, none.Allow())
	fixed, sliding := ratelimit.NewFixedWindow(1<<30, time.Hour), ratelimit.NewSlidingWindow(1<<30, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, f := range map[string]func(){
		"All":                     func() { m.Allow() },
		"All, denied":             func() { none.Allow() },
		"All, Wait, tokens there": func() { _ = m.Wait(ctx) },
		"FixedWindow":             func() { fixed.Allow() },
		"FixedWindow, Wait":       func() { _ = fixed.Wait(ctx) },
		"SlidingWindow":           func() { sliding.Allow() },
		"SlidingWindow, Wait":     func() { _ = sliding.Wait(ctx) },
	} {
		assert.Zero(t, testing.AllocsPerRun(200, f), name)
	}
}
