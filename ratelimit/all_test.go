package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestAllTakesFromAllOrNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		second := ratelimit.New(ratelimit.PerSecond(10), 10)
		daily := ratelimit.New(ratelimit.PerDay(24), 15)
		m := ratelimit.All(second, daily)
		assert.True(t, m.AllowN(10))
		assert.False(t, m.Allow())
		d := m.Take(1)
		assert.Equal(t, ratelimit.Decision{Limit: 10, RetryAfter: 100 * time.Millisecond, ResetAfter: 10 * time.Hour, Binding: 0}, d)
		assert.Equal(t, 5, daily.Take(0).Remaining, "a denial takes nothing")
		time.Sleep(time.Second)
		d = m.Take(5)
		assert.True(t, d.OK)
		assert.Equal(t, 1, d.Binding, "the day has the fewest left")
		assert.Zero(t, d.Remaining)
		d = m.Take(1)
		assert.False(t, d.OK)
		assert.Equal(t, 1, d.Binding)
		assert.Equal(t, time.Hour-time.Second, d.RetryAfter)
		assert.Equal(t, 5, second.Take(0).Remaining)
		assert.Equal(t, ratelimit.Never, m.Take(11).RetryAfter)
		assert.Equal(t, ratelimit.ErrExceedsBurst, m.WaitN(t.Context(), 11))
		assert.True(t, m.AllowN(0))
	})
}

func TestAllWaitsForTheLimitThatBinds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := ratelimit.All(ratelimit.New(ratelimit.PerSecond(10), 1), ratelimit.New(ratelimit.PerMinute(60), 5))
		start := time.Now()
		want := []time.Duration{0, 100, 200, 300, 400, 1000, 2000, 3000}
		for _, w := range want {
			require.NoError(t, m.Wait(t.Context()))
			assert.Equal(t, w*time.Millisecond, time.Since(start))
		}
		require.NoError(t, m.Do(t.Context(), func(context.Context) error { return nil }))
		v, err := ratelimit.Do(t.Context(), m, func(context.Context) (int, error) { return 1, nil })
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	})
}

func TestWaitersOfAllAreServedInOrderAndNotOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := ratelimit.New(ratelimit.PerSecond(1), 1), ratelimit.New(ratelimit.PerSecond(2), 4)
		m := ratelimit.All(a, b)
		require.True(t, m.Allow())
		var order []int
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range 6 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 1 || i == 3 {
					time.AfterFunc(500*time.Millisecond, cancel)
				}
				if m.Wait(ctx) == nil {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, i)
				}
			})
			synctest.Wait()
		}
		start := time.Now()
		assert.Equal(t, 6, m.Waiting())
		assert.False(t, m.Allow())
		d := m.Take(1)
		assert.Equal(t, 7*time.Second, d.RetryAfter, "behind those who wait")
		hurry, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		require.ErrorIs(t, m.Wait(hurry), ratelimit.ErrWouldExceedDeadline)
		cancel()
		wg.Wait()
		assert.Equal(t, []int{0, 2, 4, 5}, order)
		assert.Equal(t, 4*time.Second, time.Since(start), "those who left freed their places")
	})
}

func TestAllFollowsChangesOfTheBindingLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := ratelimit.New(ratelimit.PerHour(1), 1), ratelimit.New(ratelimit.PerSecond(1), 1)
		m := ratelimit.All(a, b)
		require.True(t, m.Allow())
		start, done := time.Now(), make(chan error)
		go func() { done <- m.Wait(t.Context()) }()
		time.Sleep(10 * time.Second)
		a.SetRate(ratelimit.Unlimited)
		require.NoError(t, <-done)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestAllNeverExceedsAnyOfItsLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ga := &grants{count: 5, period: 1e9, burst: 3}
		gb := &grants{count: 60, period: 60e9, burst: 20}
		a, b := ratelimit.New(ratelimit.PerSecond(5), 3), ratelimit.New(ratelimit.PerMinute(60), 20)
		m := ratelimit.All(a, b)
		start := time.Now()
		var mu sync.Mutex
		use := func(n int, g ...*grants) {
			mu.Lock()
			defer mu.Unlock()
			for _, g := range g {
				now := int64(time.Since(start))
				assert.True(t, g.admits(now, int64(n)))
				g.add(now, int64(n))
			}
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 5))
				for time.Since(start) < 2*time.Minute {
					switch n := r.IntN(3) + 1; r.IntN(3) {
					case 0:
						mu.Lock() // a grant and its note are one moment
						ok := m.AllowN(n)
						mu.Unlock()
						if ok {
							use(n, ga, gb)
						}
					case 1:
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(20e9)))
						if m.WaitN(ctx, n) == nil {
							use(n, ga, gb)
						}
						cancel()
					case 2:
						if a.AllowN(n) { // directly
							use(n, ga)
						}
					}
					time.Sleep(time.Duration(r.Int64N(1e9)))
				}
			})
		}
		wg.Wait()
		total := int64(0)
		for _, n := range gb.n {
			total += n
		}
		assert.Greater(t, total, int64(80))
	})
}

func TestAllUnderLoad(t *testing.T) {
	a, b := ratelimit.New(ratelimit.PerHour(1), 1000), ratelimit.New(ratelimit.PerHour(1), 700)
	m := ratelimit.All(a, b)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if m.Allow() {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, n.Load(), int64(700))
	for m.Allow() {
		n.Add(1)
	}
	assert.EqualValues(t, 700, n.Load())
	assert.Equal(t, 300, a.Take(0).Remaining, "what was given back is all there")
}

func TestAllRefusesBadInput(t *testing.T) {
	l := ratelimit.New(ratelimit.PerSecond(1), 1)
	assert.PanicsWithValue(t, "ratelimit: All needs at least one limiter, got none", func() { ratelimit.All() })
	assert.PanicsWithValue(t, "ratelimit: the limiters of All must not be nil, number 1 is", func() { ratelimit.All(l, nil) })
	assert.PanicsWithValue(t, "ratelimit: the limiters of All must be different, number 1 is there twice", func() { ratelimit.All(l, l) })
	assert.Panics(t, func() { ratelimit.All(l).AllowN(-1) })
	assert.Equal(t, []*ratelimit.Limiter{l}, ratelimit.All(l).Limits())
}

func TestALimitWithoutABoundDoesNotBind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		free, ten := ratelimit.New(ratelimit.Unlimited, 1), ratelimit.New(ratelimit.PerSecond(10), 10)
		for _, limits := range [][]*ratelimit.Limiter{{free, ten}, {ten, free}} {
			ten.SetTokens(10)
			m := ratelimit.All(limits...)
			want := ratelimit.Decision{OK: true, Limit: 10, Remaining: 7, ResetAfter: 300 * time.Millisecond, Binding: slices.Index(limits, ten)}
			assert.Equal(t, want, m.Take(3), "more than the one without a bound holds")
			want.OK, want.RetryAfter = false, 100*time.Millisecond
			assert.Equal(t, want, m.Take(8))
			require.NoError(t, m.WaitN(t.Context(), 8))
			want = ratelimit.Decision{OK: true, Limit: 10, Remaining: 0, ResetAfter: time.Second, Binding: want.Binding}
			assert.Equal(t, want, m.Take(0))
		}
		assert.Equal(t, ratelimit.Decision{OK: true, Limit: 1, Remaining: 1}, ratelimit.All(free, ratelimit.New(ratelimit.Unlimited, 5)).Take(3))
	})
}
