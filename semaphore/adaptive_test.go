package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/semaphore"
)

func TestAdaptiveBadInputPanics(t *testing.T) {
	a := semaphore.NewAdaptive(1, 2)
	const limits = "semaphore: limits must be 1 <= lowest <= highest <= 9007199254740991, got "
	for want, do := range map[string]func(){
		limits + "0 and 3":                                                       func() { semaphore.NewAdaptive(0, 3) },
		limits + "4 and 3":                                                       func() { semaphore.NewAdaptive(4, 3) },
		limits + "1 and 9007199254740992":                                        func() { semaphore.NewAdaptive(1, semaphore.MaxLimit+1) },
		"semaphore: fn must not be nil":                                          func() { _ = a.Do(t.Context(), nil) },
		"semaphore: Outcomes must not be nil":                                    func() { semaphore.Outcomes(nil) },
		"semaphore: MaxBaseline must be positive, got 0s":                        func() { semaphore.MaxBaseline(0) },
		"semaphore: limit must be between 1 and 9007199254740991, got -1":        func() { semaphore.Initial(-1) },
		"semaphore: AIMD ratio must be at least 0.1 and below 1, got 1":          func() { semaphore.AIMD(1) },
		"semaphore: AIMD is an option of NewAdaptive, not of New":                func() { semaphore.New(1, semaphore.AIMD(0.5)) },
		"semaphore: Gradient is an option of NewAdaptive, not of NewKeyed":       func() { semaphore.NewKeyed[int](1, semaphore.Gradient()) },
		"semaphore: MaxKeys is an option of NewKeyed, not of NewAdaptive":        func() { semaphore.NewAdaptive(1, 2, semaphore.MaxKeys(3)) },
		"semaphore: outcome must be Success, Dropped or Ignored, got Outcome(7)": func() { c, _ := a.TryAcquire(); defer c.Ignored(); c.End(7) },
		"semaphore: outcome must be Success, Dropped or Ignored, got Outcome(-1)": func() {
			b := semaphore.NewAdaptive(1, 1, semaphore.Outcomes(func(error) semaphore.Outcome { return -1 }))
			defer func() { assert.Zero(t, b.Held()) }()
			_ = b.Do(t.Context(), func(context.Context) error { return nil })
		},
	} {
		assert.PanicsWithValue(t, want, do)
	}
	assert.Zero(t, a.Held())
}

func TestAdaptiveBeginsWithTheLowestOrTheInitialLimit(t *testing.T) {
	assert.EqualValues(t, 3, semaphore.NewAdaptive(3, 9).Limit())
	assert.EqualValues(t, 5, semaphore.NewAdaptive(3, 9, semaphore.Initial(5)).Limit())
	assert.EqualValues(t, 9, semaphore.NewAdaptive(3, 9, semaphore.Initial(50)).Limit())
}

// clients keeps a server as busy as a allows: each calls again as soon as it has
// an answer. It returns a function that waits for them once ctx is done.
func clients(ctx context.Context, n int, a *semaphore.Adaptive, s *server) (wait func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = a.Do(ctx, s.call)
			}
		})
	}
	return wg.Wait
}

// TestAdaptiveStaysWithinItsBounds looks at every limit there was: at any one
// moment the limit may be lowered by a probe, or above the knee by a step.
func TestAdaptiveStaysWithinItsBounds(t *testing.T) {
	const lowest, highest = 4, 30
	synctest.Test(t, func(t *testing.T) {
		backend := newServer(100, 10*time.Millisecond)
		seen := []int64{lowest}
		l := newLoad(200, semaphore.NewAdaptive(lowest, highest, semaphore.On(semaphore.Events{LimitChanged: func(c semaphore.LimitChange) {
			seen = append(seen, c.To)
		}})), backend)
		limits := func(d time.Duration) []int64 {
			l.run(d)
			out := seen
			seen = []int64{l.a.Limit()}
			return out
		}
		up := limits(30 * time.Second)
		assert.EqualValues(t, highest, slices.Max(up), "it could take more")
		assert.EqualValues(t, lowest, slices.Min(up))
		backend.set(1, 10*time.Millisecond)
		down := limits(30 * time.Second)
		assert.EqualValues(t, lowest, slices.Min(down), "it can take less")
		assert.LessOrEqual(t, slices.Max(down), int64(highest))
		assert.Less(t, l.a.Limit(), int64(highest/2), "and it stays down")
		l.drain()
	})
}

func TestAdaptiveGivesThePermitBackHoweverFnEnds(t *testing.T) {
	a := semaphore.NewAdaptive(1, 1)
	failed := errors.New("failed")
	do := func(fn func() error) func() {
		return func() { _ = a.Do(context.Background(), func(context.Context) error { return fn() }) }
	}
	typed := func(fn func() error) func() {
		return func() {
			_, _ = semaphore.DoAdaptive(context.Background(), a, func(context.Context) (int, error) { return 1, fn() })
		}
	}
	assert.Equal(t, failed, a.Do(t.Context(), func(context.Context) error {
		assert.EqualValues(t, 1, a.Held())
		return failed
	}))
	v, err := semaphore.DoAdaptive(t.Context(), a, func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	assert.Equal(t, 7, v)
	for _, run := range []func(func() error) func(){do, typed} {
		assert.True(t, testkit.Run(run(func() error { panic("boom") })).Panicked)
		assert.True(t, testkit.Run(run(func() error { runtime.Goexit(); return nil })).Exited)
		assert.Zero(t, a.Held())
	}
	st := a.Stats()
	assert.Equal(t, []int64{1, 0, 5}, []int64{st.Success, st.Dropped, st.Ignored}, "what did not return is ignored")
}

func TestAdaptiveReadsErrors(t *testing.T) {
	busy := errors.New("503")
	tests := []struct {
		err  error
		opts []semaphore.Option
		want semaphore.Outcome
	}{
		{nil, nil, semaphore.Success},
		{context.DeadlineExceeded, nil, semaphore.Dropped},
		{fmt.Errorf("calling: %w", context.DeadlineExceeded), nil, semaphore.Dropped},
		{context.Canceled, nil, semaphore.Ignored},
		{errors.New("404"), nil, semaphore.Ignored},
		{semaphore.ErrQueueFull, nil, semaphore.Ignored},
		{busy, []semaphore.Option{semaphore.Outcomes(func(error) semaphore.Outcome { return semaphore.Dropped })}, semaphore.Dropped},
	}
	for _, tt := range tests {
		a := semaphore.NewAdaptive(1, 1, tt.opts...)
		assert.Equal(t, tt.err, a.Do(t.Context(), func(context.Context) error { return tt.err }))
		st := a.Stats()
		got := map[semaphore.Outcome]int64{semaphore.Success: st.Success, semaphore.Dropped: st.Dropped, semaphore.Ignored: st.Ignored}
		assert.EqualValues(t, 1, got[tt.want], "%v", tt.err)
		assert.EqualValues(t, 1, st.Success+st.Dropped+st.Ignored)
	}
	assert.Equal(t, "success dropped ignored Outcome(9)",
		fmt.Sprint(semaphore.Success, " ", semaphore.Dropped, " ", semaphore.Ignored, " ", semaphore.Outcome(9)))
}

func TestACallEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := semaphore.NewAdaptive(2, 2)
		c, err := a.Acquire(t.Context())
		require.NoError(t, err)
		d, ok := a.TryAcquire()
		require.True(t, ok)
		_, ok = a.TryAcquire()
		require.False(t, ok)
		time.Sleep(time.Second)
		assert.Equal(t, time.Second, c.Elapsed())
		c.Success()
		c.Dropped()
		c.Success()
		assert.EqualValues(t, 1, a.Held())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(d.Dropped)
		}
		wg.Wait()
		d.Ignored()
		assert.Zero(t, a.Held())
		st := a.Stats()
		assert.Equal(t, []int64{1, 1, 0}, []int64{st.Success, st.Dropped, st.Ignored})
	})
}

func TestAdaptiveWaitsAndRefusesAsASemaphore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := semaphore.NewAdaptive(1, 1, semaphore.MaxWaiters(1))
		c, err := a.Acquire(t.Context())
		require.NoError(t, err)
		waiter := waiterOf(t, func() error { return a.Do(t.Context(), func(context.Context) error { return nil }) })
		assert.Equal(t, 1, a.Waiting())
		_, err = a.Acquire(t.Context())
		assert.Equal(t, semaphore.ErrQueueFull, err)
		c.Ignored()
		require.NoError(t, requireDone(t, waiter))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = a.Acquire(ctx)
		assert.Equal(t, context.Canceled, err)
		_, err = semaphore.DoAdaptive(ctx, a, func(context.Context) (int, error) { panic("ran") })
		assert.Equal(t, context.Canceled, err)
		a.Close()
		assert.Equal(t, semaphore.ErrClosed, a.Do(t.Context(), func(context.Context) error { panic("ran") }))
	})
}

func TestAdaptiveTellsOfChangesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a *semaphore.Adaptive
		var changes []semaphore.LimitChange
		a = semaphore.NewAdaptive(1, 1000, semaphore.On(semaphore.Events{LimitChanged: func(c semaphore.LimitChange) {
			a.Stats() // may call back: no lock is held
			changes = append(changes, c)
		}}))
		l := newLoad(80, a, newServer(20, 20*time.Millisecond))
		l.run(90 * time.Second)
		l.drain()

		require.Greater(t, len(changes), 10)
		at, probes := int64(1), 0
		for _, c := range changes {
			require.Equal(t, at, c.From, "each begins where the one before ended")
			require.NotEqual(t, c.From, c.To)
			if at = c.To; c.Probe {
				probes++
			}
			assert.Positive(t, c.Baseline)
			assert.Positive(t, c.Latency)
		}
		assert.Equal(t, at, a.Limit())
		assert.Greater(t, probes, 5)
		st := a.Stats()
		assert.Zero(t, st.EventsLost)
		assert.Equal(t, []int64{1, 1000}, []int64{st.Lowest, st.Highest})
		assert.InDelta(t, 20, st.Baseline.Seconds()*1000, 5)
		assert.Greater(t, st.Windows, int64(len(changes)-1))
	})
}

// A callback that does not return must not stop the calls, nor pile up events.
func TestAdaptiveDropsEventsThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		a := semaphore.NewAdaptive(1, 1000, semaphore.On(semaphore.Events{LimitChanged: func(semaphore.LimitChange) { <-block }}))
		ctx, cancel := context.WithCancel(t.Context())
		wait := clients(ctx, 25, a, newServer(6, 40*time.Millisecond))
		for range 60 {
			if time.Sleep(10 * time.Second); a.Stats().EventsLost > 0 {
				break
			}
		}
		assert.Positive(t, a.Stats().EventsLost)
		assert.Greater(t, a.Limit(), int64(3), "it goes on")
		cancel()
		close(block)
		wait()
	})
}

func TestACallbackThatPanicsLeavesAdaptiveUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		a := semaphore.NewAdaptive(1, 8, semaphore.On(semaphore.Events{LimitChanged: func(semaphore.LimitChange) {
			told++
			panic("boom")
		}}))
		for range 200 {
			func() {
				defer func() { _ = recover() }()
				_ = a.Do(t.Context(), func(context.Context) error {
					time.Sleep(20 * time.Millisecond)
					return nil
				})
			}()
		}
		assert.Positive(t, told)
		assert.Zero(t, a.Held())
		assert.EqualValues(t, 2, a.Limit(), "one caller at a time fills no more than the first")
	})
}

func TestAdaptiveUnderLoad(t *testing.T) {
	procs(t, func(t *testing.T) {
		a := semaphore.NewAdaptive(2, 8, semaphore.On(semaphore.Events{LimitChanged: func(semaphore.LimitChange) {}}))
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for i := range rounds(2000) {
					c, err := a.Acquire(t.Context())
					if err != nil {
						return
					}
					runtime.Gosched()
					c.End(semaphore.Outcome((g + i) % 3))
				}
			})
		}
		wg.Wait()
		assert.Zero(t, a.Held())
		st := a.Stats()
		assert.EqualValues(t, 16*rounds(2000), st.Success+st.Dropped+st.Ignored)
	})
}

func TestAdaptiveDoAllocatesNothing(t *testing.T) {
	a := semaphore.NewAdaptive(1, 1)
	fn := func(context.Context) error { return nil }
	typed := func(context.Context) (int, error) { return 1, nil }
	assert.Zero(t, testing.AllocsPerRun(500, func() { _ = a.Do(t.Context(), fn) }))
	assert.Zero(t, testing.AllocsPerRun(500, func() { _, _ = semaphore.DoAdaptive(t.Context(), a, typed) }))
}
