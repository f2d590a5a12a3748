package ratelimit_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// A Keyed runs beside a map of limiters, in which a key is dropped when its bucket is
// full, and one more for the keys without a place.
func FuzzAKeyedIsAMapOfLimiters(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(randomBytes(seed, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		bubble(t, func(t *testing.T) { keyedAgainstMap(t, &dice{data}) })
	})
}

type keyedModel struct {
	rate     ratelimit.Rate
	burst    int
	maxKeys  int
	limiters map[int]*ratelimit.Limiter
	rest     *ratelimit.Limiter
}

// of returns the limiter of a key; admit says that it needs one if it has none.
func (m *keyedModel) of(key int, admit bool) *ratelimit.Limiter {
	for key, l := range m.limiters {
		if l.Take(0).ResetAfter == 0 {
			delete(m.limiters, key)
		}
	}
	switch l := m.limiters[key]; {
	case l != nil:
		return l
	case !admit || m.rate == ratelimit.Unlimited:
		return ratelimit.New(m.rate, m.burst)
	case len(m.limiters) >= m.maxKeys:
		return m.rest
	}
	m.limiters[key] = ratelimit.New(m.rate, m.burst)
	return m.limiters[key]
}

func (m *keyedModel) set(rate ratelimit.Rate, burst int) {
	if m.rate == ratelimit.Unlimited && rate != m.rate {
		clear(m.limiters) // they have no state
	}
	m.of(-1, false) // drops the full ones, which stay full
	m.rate, m.burst = rate, burst
	for _, l := range m.limiters {
		l.SetRate(rate)
		l.SetBurst(burst)
	}
	m.rest.SetRate(rate)
	m.rest.SetBurst(burst)
}

func keyedAgainstMap(t *testing.T, d *dice) {
	t.Helper()
	rates := []ratelimit.Rate{ratelimit.PerSecond(1), ratelimit.PerSecond(7), ratelimit.PerDay(3), ratelimit.PerSecond(999_983), {}}
	m := &keyedModel{rate: rates[d.roll(len(rates))], burst: d.roll(5) + 1, maxKeys: d.roll(6) + 1, limiters: map[int]*ratelimit.Limiter{}}
	m.rest = ratelimit.New(m.rate, m.burst)
	k := ratelimit.NewKeyed[int](m.rate, m.burst, ratelimit.MaxKeys(m.maxKeys))
	for step := 0; step < 300 && d.more(); step++ {
		key, n := d.roll(9), d.roll(4)
		switch d.roll(12) {
		case 0:
			m.set(rates[d.roll(len(rates))], m.burst)
			k.SetRate(m.rate)
		case 1:
			m.set(m.rate, d.roll(9)+1)
			k.SetBurst(m.burst)
		case 2, 3:
			time.Sleep(time.Duration(d.roll(256)) * 10 * time.Millisecond)
		case 4:
			time.Sleep(time.Duration(d.roll(256)) * time.Hour) // past every horizon
		case 5:
			patience := time.Duration(d.roll(40)+1) * 100 * time.Millisecond
			l := m.of(key, n > 0 && n <= m.burst)
			want := waitFor(t, patience, func(ctx context.Context) error { return l.WaitN(ctx, n) })
			got := waitFor(t, patience, func(ctx context.Context) error { return k.WaitN(ctx, key, n) })
			time.Sleep(patience)
			synctest.Wait()
			require.Equal(t, *want, *got, "step %d: key %d, n %d", step, key, n)
		default:
			admits := n > 0 && n <= m.burst
			require.Equal(t, m.of(key, admits).Take(n), k.Take(key, n), "step %d: key %d, n %d", step, key, n)
		}
		require.LessOrEqual(t, k.Stats().Keys, m.maxKeys)
		m.of(-1, false)
		assert.Equal(t, len(m.limiters), k.Len(), "step %d", step)
	}
}

// waitFor waits on another goroutine and tells how it went.
func waitFor(t *testing.T, patience time.Duration, wait func(context.Context) error) *string {
	t.Helper()
	start, out := time.Now(), new(string)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	go func() {
		defer cancel()
		err := wait(ctx)
		*out = fmt.Sprint(err, " after ", time.Since(start))
	}()
	return out
}
