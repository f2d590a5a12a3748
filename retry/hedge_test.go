package retry_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

// run is what one run of a hedged attempt does.
type run struct {
	takes time.Duration // until it ends by itself
	deaf  bool          // does not listen to its context
	ends  func() error  // how it ends then, and when it is cancelled unless deaf
}

func ok() error { return nil }

func fails() error { return errBoom }

func panics() error { panic("boom") }

func exits() error { runtime.Goexit(); return nil }

// works returns a function whose n-th run does what runs[n] says, and counts
// the runs that are under way.
func works(running *atomic.Int32, started *atomic.Int32, runs ...run) func(context.Context) error {
	return func(ctx context.Context) error {
		r := runs[min(int(started.Add(1)), len(runs))-1]
		running.Add(1)
		defer running.Add(-1)
		done := ctx.Done()
		if r.deaf {
			done = nil
		}
		select {
		case <-time.After(r.takes):
			return r.ends()
		case <-done:
			return context.Cause(ctx)
		}
	}
}

func TestHedge(t *testing.T) {
	second := time.Second
	boom := func(ps ...run) []run { return ps }
	tests := []struct {
		name    string
		runs    []run
		took    time.Duration
		started int32
		err     error
	}{
		{"a fast run is not hedged", boom(run{takes: second, ends: ok}), second, 1, nil},
		{"the second wins", boom(run{takes: time.Hour, ends: ok}, run{takes: second, ends: ok}), 3 * second, 2, nil},
		{"the first wins all the same", boom(run{takes: 3 * second, ends: ok}, run{takes: time.Hour, ends: ok}), 3 * second, 2, nil},
		{"a fast failure is not hedged", boom(run{takes: second, ends: fails}), second, 1, errBoom},
		{"the first fails, the second decides", boom(run{takes: 3 * second, ends: fails}, run{takes: 5 * second, ends: ok}), 7 * second, 2, nil},
		{"the second fails, the first decides", boom(run{takes: 9 * second, ends: ok}, run{takes: second, ends: fails}), 9 * second, 2, nil},
		{"both fail", boom(run{takes: 3 * second, ends: fails}, run{takes: 5 * second, ends: fails}), 7 * second, 2, errBoom},
		{"a loser that does not listen is awaited", boom(run{takes: time.Minute, deaf: true, ends: fails}, run{takes: second, ends: ok}), time.Minute, 2, nil},
		{"a second loser that does not listen is awaited", boom(run{takes: 3 * second, ends: ok}, run{takes: time.Minute, deaf: true, ends: ok}), 62 * second, 2, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := constant(0, retry.MaxRetries(0), retry.Hedge(2*second))
				assert.True(t, p.Hedged())
				var running, started atomic.Int32
				begin := time.Now()
				err := p.Do(t.Context(), works(&running, &started, tt.runs...))
				assert.Equal(t, tt.took, time.Since(begin))
				assert.Equal(t, tt.started, started.Load())
				assert.Zero(t, running.Load(), "nothing runs on")
				assert.ErrorIs(t, err, tt.err)
				if tt.err == nil {
					assert.NoError(t, err)
				}
			})
		})
	}
	assert.False(t, retry.New().Hedged())
}

func TestACancelEndsBothRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var running, started atomic.Int32
		err := constant(0, retry.Hedge(time.Second)).Do(ctx, works(&running, &started, run{takes: time.Hour, ends: ok}))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, int32(2), started.Load())
		assert.Zero(t, running.Load())
	})
}

func TestAHedgedAttemptThatFailsIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var attempts []int
		p := constant(time.Second, retry.Hedge(time.Second), retry.MaxRetries(1))
		begin := time.Now()
		err := p.Do(t.Context(), func(ctx context.Context) error {
			mu.Lock()
			attempts = append(attempts, retry.Attempt(ctx))
			n := len(attempts)
			mu.Unlock()
			time.Sleep(1500 * ms)
			if n < 4 {
				return errBoom
			}
			return nil
		})
		assert.NoError(t, err)
		assert.Equal(t, []int{1, 1, 2, 2}, attempts, "both runs are of one attempt")
		assert.Equal(t, 6*time.Second, time.Since(begin))
	})
}

func TestOfTwoFailuresTheOneThatSaysMostIsTheAttempts(t *testing.T) {
	permanent := retry.Permanent(errBoom)
	other := errors.New("other")
	tests := []struct {
		name                string
		first, second, want error
	}{
		{"the first", errBoom, other, errBoom},
		{"the permanent one", other, permanent, permanent},
		{"the permanent first", permanent, other, permanent},
		{"that of work that ran", refusal{}, other, other},
		{"that of work that ran, first", other, refusal{}, other},
		{"two rejections", refusal{after: 1}, refusal{after: 2}, refusal{after: 1}},
		{"permanent before a rejection", refusal{}, permanent, permanent},
		{"a permanent rejection", refusal{}, retry.Permanent(refusal{after: 1}), retry.Permanent(refusal{after: 1})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running, started atomic.Int32
				err := constant(0, retry.Hedge(time.Second), retry.If(func(error) bool { return false })).Do(t.Context(), works(&running, &started,
					run{takes: 3 * time.Second, ends: func() error { return tt.first }},
					run{takes: 3 * time.Second, ends: func() error { return tt.second }}))
				assert.Equal(t, tt.want, err)
			})
		})
	}
}

func TestHedgesSpendFromTheBudget(t *testing.T) {
	slow := run{takes: 30 * ms, ends: ok}
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.Hedge(10*ms), retry.Spend(retry.NewBudget(0.5, 0)))
		for calls := range 6 {
			var running, started atomic.Int32
			begin := time.Now()
			assert.NoError(t, p.Do(t.Context(), works(&running, &started, slow)), "a spent budget does not cut short what runs")
			assert.Equal(t, 30*ms, time.Since(begin))
			assert.Equal(t, int32(1+calls%2), started.Load(), "call %d", calls)
		}
		assert.Equal(t, int64(3), p.Stats().Hedges)
	})
}

func TestWithoutABudgetATenthIsHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.Hedge(ms))
		for range 200 {
			var running, started atomic.Int32
			assert.NoError(t, p.Do(t.Context(), works(&running, &started, run{takes: 2 * ms, ends: ok})))
		}
		assert.Equal(t, int64(20+10), p.Stats().Hedges)
	})
}

func TestHedgeEventsAndStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []retry.Hedged
		p := constant(0, retry.Hedge(time.Second), retry.On(retry.Events{Hedged: func(h retry.Hedged) { got = append(got, h) }}))
		var running, started atomic.Int32
		assert.NoError(t, p.Do(t.Context(), works(&running, &started, run{takes: time.Hour, ends: ok}, run{takes: ms, ends: ok})))
		assert.NoError(t, p.Do(t.Context(), works(&running, &started, run{takes: 2 * time.Second, ends: ok})))
		assert.Equal(t, []retry.Hedged{{Attempt: 1, Delay: time.Second, Won: true}, {Attempt: 1, Delay: time.Second}}, got)
		s := p.Stats()
		assert.Equal(t, int64(2), s.Hedges)
		assert.Equal(t, int64(1), s.HedgesWon)
	})
}

func TestACallThatEndedIsNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var running, started atomic.Int32
		err := constant(0, retry.Hedge(2*time.Second)).Do(ctx, works(&running, &started, run{takes: 5 * time.Second, deaf: true, ends: fails}))
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, int32(1), started.Load())
	})
}

func TestBadHedgesPanic(t *testing.T) {
	assert.PanicsWithValue(t, "retry: the delay of Hedge must be positive, got 0s", func() { retry.Hedge(0) })
	assert.PanicsWithValue(t, "retry: the initial delay of HedgeQuantile must be positive, got -1ns", func() { retry.HedgeQuantile(0.5, -1) })
	for _, q := range []float64{0, 1, -0.5, 2} {
		assert.Panics(t, func() { retry.HedgeQuantile(q, 1) })
	}
}
