package retry_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

// hedging returns a function that makes a call whose first run takes d, and
// one that tells the delays of the hedges since it was last asked.
func hedging(t *testing.T, opts ...retry.Option) (call func(d time.Duration), delays func() []time.Duration) {
	t.Helper()
	var seen []time.Duration
	p := constant(0, append(opts, retry.Spend(retry.NewBudget(10, 1)), retry.MaxRetries(0),
		retry.On(retry.Events{Hedged: func(h retry.Hedged) { seen = append(seen, h.Delay) }}))...)
	call = func(d time.Duration) {
		var runs atomic.Int32
		_ = p.Do(t.Context(), func(ctx context.Context) error {
			if runs.Add(1) == 2 {
				return nil // the hedge is quick
			}
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	return call, func() []time.Duration { d := seen; seen = nil; return d }
}

func TestAHedgeQuantileFollowsTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call, delays := hedging(t, retry.HedgeQuantile(0.85, time.Minute))
		for range 30 {
			call(ms)
		}
		call(time.Hour)
		assert.Equal(t, []time.Duration{time.Minute}, delays(), "initial, while too few are known")
		for i := range 1000 {
			// 1 to 10 ms, and a little, so that no run ends just when the hedge is due.
			call(time.Duration(i%10+1)*ms + time.Duration(i))
		}
		_ = delays()
		call(time.Hour)
		assert.InDelta(t, 9*ms, delays()[0], 1000, "85 of 100 take at most 9 ms")
		for i := range 300 {
			call(2*ms + time.Duration(1000-i))
		}
		_ = delays()
		call(time.Hour)
		assert.InDelta(t, 2*ms, delays()[0], 1000, "it follows")
	})
}

func TestRunsThatAreCutOffDoNotHoldTheQuantileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call, delays := hedging(t, retry.HedgeQuantile(0.9, time.Minute))
		for range 256 {
			call(ms)
		}
		for range 1000 { // now half of them are slow, and a hedge wins at once
			call(ms)
			call(time.Hour)
		}
		_ = delays()
		call(time.Hour - ms)
		assert.Empty(t, delays(), "the slow half is what is usual now")
	})
	synctest.Test(t, func(t *testing.T) {
		call, delays := hedging(t, retry.HedgeQuantile(0.9, time.Minute), retry.AttemptTimeout(30*time.Second))
		for range 64 {
			call(ms)
			call(time.Hour) // times out
		}
		_ = delays()
		call(10 * time.Second)
		assert.Empty(t, delays())
	})
}

func TestFailuresDoNotCountForTheQuantile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.MaxRetries(0), retry.HedgeQuantile(0.9, time.Minute))
		for range 100 {
			assert.Error(t, p.Do(t.Context(), func(context.Context) error { return errBoom }))
		}
		assert.NoError(t, p.Do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil }))
		assert.Zero(t, p.Stats().Hedges)
	})
}

func TestQuantileIsTheSmallestThatEnoughDoNotExceed(t *testing.T) {
	tests := []struct {
		q    float64
		n    int // latencies of 1 to n
		want time.Duration
	}{
		{0.5, 32, 16}, {0.51, 32, 17}, {0.9, 32, 29}, {0.99, 32, 32}, {0.001, 32, 1}, {0.5, 256, 128}, {0.999999, 256, 256},
	}
	for _, tt := range tests {
		var latencies []time.Duration
		for i := range tt.n {
			latencies = append(latencies, time.Duration(i+1))
		}
		got, known := retry.QuantileOf(tt.q, latencies...)
		assert.True(t, known)
		assert.Equal(t, tt.want, got, "%+v", tt)
	}
	_, known := retry.QuantileOf(0.5, make([]time.Duration, 31)...)
	assert.False(t, known)
}
