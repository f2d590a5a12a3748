package retry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

// run is what one run of a hedged attempt does.
type run struct {
	takes time.Duration // until it ends by itself
	deaf  bool          // does not listen to its context
	ends  func() error  // how it ends then, and when it is cancelled unless deaf
}

func ok() error     { return nil }
func fails() error  { return errBoom }
func panics() error { panic("boom") }
func exits() error  { runtime.Goexit(); return nil }

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

// Trap 14: the panic of a loser in a goroutine kills the process.
func TestTrap14APanicOrGoexitOfEitherRunReachesTheCaller(t *testing.T) {
	second := time.Second
	tests := []struct {
		name  string
		runs  []run
		took  time.Duration
		exits bool
		first bool
	}{
		{"the first panics, alone", []run{{takes: second, ends: panics}}, second, false, true},
		{"the first panics", []run{{takes: 3 * second, ends: panics}, {takes: time.Hour, ends: ok}}, 3 * second, false, true},
		{"the second panics", []run{{takes: time.Hour, ends: ok}, {takes: second, ends: panics}}, 3 * second, false, false},
		{"a losing second panics", []run{{takes: 3 * second, ends: ok}, {takes: 5 * second, deaf: true, ends: panics}}, 7 * second, false, false},
		{"a losing first panics", []run{{takes: 9 * second, deaf: true, ends: panics}, {takes: second, ends: ok}}, 9 * second, false, true},
		{"both panic", []run{{takes: 3 * second, ends: panics}, {takes: 5 * second, deaf: true, ends: panics}}, 7 * second, false, true},
		{"the first exits", []run{{takes: 3 * second, ends: exits}, {takes: time.Hour, ends: ok}}, 3 * second, true, true},
		{"the second exits", []run{{takes: time.Hour, ends: ok}, {takes: second, ends: exits}}, 3 * second, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := constant(0, retry.Hedge(2*second))
				var running, started atomic.Int32
				begin := time.Now()
				end := testkit.Run(func() { _ = p.Do(t.Context(), works(&running, &started, tt.runs...)) })
				assert.Equal(t, tt.took, time.Since(begin))
				assert.Zero(t, running.Load(), "the other run was awaited")
				switch {
				case tt.exits:
					assert.True(t, end.Exited)
				case tt.first:
					assert.Equal(t, "boom", end.Value, "untouched")
				default:
					require.True(t, end.Panicked)
					pe, ok := end.Value.(*retry.PanicError)
					require.True(t, ok)
					assert.Equal(t, "boom", pe.Value)
					assert.Contains(t, string(pe.Stack), "hedge_test.go", "the stack where it happened")
				}
			})
		})
	}
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

// TestEveryPairOfEnds cuts a hedged attempt at every pair of ends, in every
// order, with runs that listen to their context and runs that do not.
func TestEveryPairOfEnds(t *testing.T) {
	ends := []func() error{ok, fails, panics, exits}
	for i := range 4 * 4 * 3 * 4 {
		first, second, order, deaf := i%4, i/4%4, i/16%3, i/48
		runs := []run{
			{takes: 4 * time.Second, ends: ends[first], deaf: deaf&1 != 0},
			{takes: time.Duration(order+1) * time.Second, ends: ends[second], deaf: deaf&2 != 0}, // begins after 2 s
		}
		synctest.Test(t, func(t *testing.T) {
			var running, started atomic.Int32
			var err error
			begin := time.Now()
			end := testkit.Run(func() {
				err = constant(0, retry.MaxRetries(0), retry.Hedge(2*time.Second)).Do(t.Context(), works(&running, &started, runs...))
			})
			name := fmt.Sprintf("first %d, second %d, order %d, deaf %d", first, second, order, deaf)
			require.Zero(t, running.Load(), name)
			require.Equal(t, int32(2), started.Load(), name)
			require.LessOrEqual(t, time.Since(begin), 5*time.Second, name)
			checkEnds(t, name, first, second, order, deaf, end, err)
		})
	}
}

// checkEnds says how a pair of runs must end: 0 succeeds, 1 fails, 2 panics, 3
// exits.
func checkEnds(t *testing.T, name string, first, second, order, deaf int, end testkit.End, err error) {
	t.Helper()
	// A run is cut off if it listens and the other ended the attempt before it;
	// of two at one moment either may be.
	decides := func(kind int) bool { return kind != 1 }
	firstCut := order == 0 && decides(second) && deaf&1 == 0
	secondCut := order == 2 && decides(first) && deaf&2 == 0
	if order == 1 && decides(first) && decides(second) {
		return // what holds for every order was checked
	}
	firstEnds, secondEnds := !firstCut, !secondCut
	switch {
	case firstEnds && first == 2:
		assert.Equal(t, "boom", end.Value, name)
	case firstEnds && first == 3:
		assert.True(t, end.Exited, name)
	case secondEnds && second == 2:
		_, isPanic := end.Value.(*retry.PanicError)
		assert.True(t, isPanic, name)
	case secondEnds && second == 3:
		assert.True(t, end.Exited, name)
	case first == 0 && firstEnds || second == 0 && secondEnds:
		assert.True(t, end.Returned, name)
		assert.NoError(t, err, name)
	default:
		assert.True(t, end.Returned, name)
		assert.ErrorIs(t, err, errBoom, name)
	}
}

func TestBadHedgesPanic(t *testing.T) {
	assert.PanicsWithValue(t, "retry: the delay of Hedge must be positive, got 0s", func() { retry.Hedge(0) })
	assert.PanicsWithValue(t, "retry: the initial delay of HedgeQuantile must be positive, got -1ns", func() { retry.HedgeQuantile(0.5, -1) })
	for _, q := range []float64{0, 1, -0.5, 2} {
		assert.Panics(t, func() { retry.HedgeQuantile(q, 1) })
	}
}
