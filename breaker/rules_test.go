package breaker_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

// play makes one call for each letter: s a success, f a failure.
func play(t *testing.T, b *breaker.Breaker, calls string) {
	t.Helper()
	for i, c := range calls {
		p, err := b.Acquire(t.Context())
		require.NoError(t, err, "call %d of %s", i, calls)
		if c == 's' {
			p.Done(nil)
		} else {
			p.Done(errDown)
		}
	}
}

// slowly makes a call that takes d.
func slowly(t *testing.T, b *breaker.Breaker, d time.Duration, err error) {
	t.Helper()
	assert.Equal(t, err, b.Do(t.Context(), func(context.Context) error {
		time.Sleep(d)
		return err
	}))
}

func TestARatioThatIsMetExactlyOpens(t *testing.T) {
	tests := []struct {
		name         string
		ratio        float64
		min          int
		before, last string
	}{
		{"half of two", 0.5, 2, "s", "f"},
		{"half of four, on a failure", 0.5, 4, "ssf", "f"},
		{"the success that completes the minimum", 0.5, 4, "fsf", "s"},
		{"two of three are 2.0/3", 2.0 / 3, 3, "fs", "f"},
		{"one of three is 1.0/3", 1.0 / 3, 3, "ss", "f"},
		{"0.07 of a hundred", 0.07, 100, "ffffff" + strings.Repeat("s", 93), "f"},
		{"0.29 of a hundred", 0.29, 100, strings.Repeat("f", 28) + strings.Repeat("s", 71), "f"},
		{"0.57 of a hundred", 0.57, 100, strings.Repeat("s", 43) + strings.Repeat("f", 56), "f"},
		{"all", 1, 3, "ff", "f"},
		{"a millionth", 0.000001, 1, "", "f"},
	}
	for _, tt := range tests {
		for _, window := range []breaker.Rule{breaker.Window(time.Minute), breaker.CountWindow(100)} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := breaker.New(breaker.FailureRate(tt.ratio, tt.min), window)
					play(t, b, tt.before)
					assert.Equal(t, breaker.Closed, b.State())
					play(t, b, tt.last)
					assert.Equal(t, breaker.Open, b.State())
				})
			})
		}
	}
}

func TestARatioThatIsMissedByOneCallStaysClosed(t *testing.T) {
	b := breaker.New(breaker.FailureRate(0.5, 4))
	play(t, b, "sssff")
	assert.Equal(t, breaker.Closed, b.State())
	play(t, b, "f")
	assert.Equal(t, breaker.Open, b.State())
}

func TestTheWindowForgetsWhatIsOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(3), breaker.Window(10*time.Second))
		play(t, b, "ff")
		time.Sleep(10 * time.Second)
		play(t, b, "f")
		assert.Equal(t, breaker.Closed, b.State())
		time.Sleep(9*time.Second - time.Microsecond)
		play(t, b, "f")
		assert.Equal(t, breaker.Closed, b.State())
		play(t, b, "f")
		assert.Equal(t, breaker.Open, b.State(), "nine tenths of the window are kept in any case")
	})
}

func TestOldSuccessesDoNotHideAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 20), breaker.Window(10*time.Second))
		for range 1000 {
			play(t, b, strings.Repeat("s", 10))
			time.Sleep(10 * time.Millisecond)
		}
		failures := 0
		for b.State() == breaker.Closed {
			play(t, b, "f")
			failures++
			time.Sleep(10 * time.Millisecond)
		}
		assert.Less(t, failures, 1000, "10 seconds of failures at a tenth of the rate")
	})
}

func TestWhenOldSuccessesLeaveTheNextCallOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 4), breaker.Window(10*time.Second))
		play(t, b, "sssss")
		time.Sleep(5 * time.Second)
		play(t, b, "ffff")
		assert.Equal(t, breaker.Closed, b.State())
		time.Sleep(5 * time.Second) // the successes are gone
		assert.Equal(t, breaker.Closed, b.State(), "the end of a call opens it, not time")
		play(t, b, "s")
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestAWindowThatRanEmptyBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 2), breaker.Window(time.Second))
		for range 5 {
			play(t, b, "sss")
			assert.EqualValues(t, 3, b.Stats().WindowCalls)
			time.Sleep(time.Hour)
			assert.EqualValues(t, 0, b.Stats().WindowCalls)
		}
	})
}

func TestAnAddThatWasDelayedUntilTheWindowRanEmptyIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 2), breaker.Window(time.Second))
		play(t, b, "s")
		time.Sleep(time.Hour)
		breaker.AddLate(b)
		time.Sleep(time.Hour)
		play(t, b, "s")
		assert.EqualValues(t, 1, b.Stats().WindowCalls)
	})
}

func TestTheLastCallsAreCountedWhenever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(0.5, 4), breaker.CountWindow(4))
		play(t, b, "f")
		time.Sleep(1000 * time.Hour)
		play(t, b, "sss")
		assert.EqualValues(t, 1, b.Stats().WindowFailures)
		play(t, b, "s")
		assert.EqualValues(t, 0, b.Stats().WindowFailures, "four calls later it is gone")
		play(t, b, strings.Repeat("s", 1000))
		assert.EqualValues(t, 4, b.Stats().WindowCalls)
		play(t, b, "f")
		assert.Equal(t, breaker.Closed, b.State())
		play(t, b, "f")
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestCallsSlowerThanTheWindowCountByTheirCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureCount(3), breaker.Window(time.Second))
		var permits []*breaker.Permit
		for range 3 {
			permits = append(permits, acquire(t, b))
		}
		time.Sleep(time.Minute)
		for _, p := range permits {
			p.Done(errDown)
		}
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestSlowCallsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.SlowCallRate(time.Second, 0.5, 4), breaker.Window(time.Hour))
		slowly(t, b, time.Second, nil)
		slowly(t, b, time.Second, nil)
		slowly(t, b, time.Second+1, nil)
		assert.EqualValues(t, 1, b.Stats().WindowSlow, "a second is not longer than a second")
		slowly(t, b, time.Second+1, errDown)
		assert.Equal(t, breaker.Open, b.State(), "it is slow, however it ends")
		assert.Equal(t, errDown, b.Stats().Cause)

		b.Reset()
		for range 4 {
			slowly(t, b, time.Minute, nil)
		}
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, breaker.ErrSlow, b.Stats().Cause)
	})
}

func TestASlowProbeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.SlowCallRate(time.Second, 0.5, 4), breaker.Initially(breaker.HalfOpen))
		slowly(t, b, 2*time.Second, nil)
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, breaker.ErrSlow, b.Stats().Cause)
	})
}

func TestStuckCallsOpenWithoutEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.StuckCalls(8*time.Second, 3))
		acquire(t, b)
		acquire(t, b)
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Closed, b.State(), "two are not three")
		assert.EqualValues(t, 2, b.Stats().Stuck)

		third := acquire(t, b)
		time.Sleep(8*time.Second - time.Microsecond)
		assert.Equal(t, breaker.Closed, b.State())
		third.Done(nil)
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Closed, b.State(), "it ended in time")

		third = acquire(t, b)
		time.Sleep(9 * time.Second)
		assert.Equal(t, breaker.Open, b.State())
		assert.Equal(t, breaker.ErrStuck, b.Stats().Cause)
		time.Sleep(b.RetryAfter())
		play(t, b, "s")
		assert.EqualValues(t, 0, b.Stats().Stuck, "those of before are not held against it")
		time.Sleep(time.Hour)
		third.Done(nil)
		assert.Equal(t, breaker.Closed, b.State())
		assert.EqualValues(t, 0, b.Stats().Stuck)
	})
}

func TestAnyOfTheRulesOpens(t *testing.T) {
	rules := []breaker.Option{
		breaker.ConsecutiveFailures(3), breaker.FailureCount(6), breaker.FailureRate(0.5, 20),
		breaker.SlowCallRate(time.Second, 0.9, 5), breaker.StuckCalls(time.Minute, 2), breaker.Window(time.Hour),
	}
	tests := []struct {
		name string
		play func(t *testing.T, b *breaker.Breaker)
	}{
		{"a row", func(t *testing.T, b *breaker.Breaker) { play(t, b, "fff") }},
		{"a count", func(t *testing.T, b *breaker.Breaker) { play(t, b, strings.Repeat("ssssf", 6)) }},
		{"slow", func(t *testing.T, b *breaker.Breaker) {
			for range 5 {
				slowly(t, b, time.Minute/2, nil)
			}
		}},
		{"stuck", func(t *testing.T, b *breaker.Breaker) {
			acquire(t, b)
			acquire(t, b)
			time.Sleep(70 * time.Second)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := breaker.New(rules...)
				tt.play(t, b)
				assert.Equal(t, breaker.Open, b.State())
			})
		})
	}
}

func TestIgnoredCallsCountNowhere(t *testing.T) {
	for _, window := range []breaker.Rule{breaker.Window(time.Minute), breaker.CountWindow(10)} {
		b := breaker.New(breaker.FailureRate(0.5, 4), breaker.ConsecutiveFailures(3), window)
		play(t, b, "ff")
		for range 10 {
			acquire(t, b).Cancel()
		}
		assert.EqualValues(t, 2, b.Stats().WindowCalls)
		assert.EqualValues(t, 2, b.Stats().ConsecutiveFailures, "nor do they end a row")
		assert.Equal(t, breaker.Closed, b.State())
	}
}

func TestRulesCanBeReplacedLive(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(3))
	play(t, b, "ff")
	b.SetRules(breaker.FailureRate(0.5, 4), breaker.CountWindow(4))
	assert.Equal(t, breaker.Closed, b.State())
	s := b.Stats()
	assert.EqualValues(t, -1, s.ConsecutiveFailures)
	assert.EqualValues(t, 0, s.WindowCalls, "it measures anew")
	play(t, b, "fsff")
	assert.Equal(t, breaker.Open, b.State())
	b.SetRules()
	assert.Equal(t, breaker.Open, b.State(), "the state stays")
	b.Reset()
	play(t, b, strings.Repeat("f", 10))
	assert.Equal(t, breaker.Open, b.State(), "without a trip rule those of New hold")
	assert.PanicsWithValue(t, "breaker: a rule that needs 5 calls never opens with CountWindow(4); enlarge the window", func() {
		b.SetRules(breaker.FailureRate(0.5, 5), breaker.CountWindow(4))
	})
}

func TestRulesReplacedWhileCallsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.StuckCalls(time.Second, 1), breaker.SlowCallRate(time.Second, 1, 1))
		p := acquire(t, b)
		b.SetRules(breaker.ConsecutiveFailures(1))
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.Closed, b.State(), "it is not followed any more")
		p.Done(nil)
		p = acquire(t, b)
		b.SetRules(breaker.StuckCalls(time.Second, 1), breaker.SlowCallRate(time.Second, 1, 1))
		time.Sleep(time.Hour)
		p.Done(nil)
		assert.Equal(t, breaker.Closed, b.State(), "nobody knows when it began")
		assert.EqualValues(t, 0, b.Stats().Stuck)
		p = acquire(t, b)
		b.SetRules(breaker.ConsecutiveFailures(1))
		p.Done(errDown)
		assert.Equal(t, breaker.Open, b.State(), "a change of rules begins no generation")
	})
}

func TestBadOptionsPanicWithTheFix(t *testing.T) {
	tests := []struct {
		want string
		f    func()
	}{
		{"breaker: ConsecutiveFailures must be between 1 and 2147483647, got 0", func() { breaker.ConsecutiveFailures(0) }},
		{"breaker: FailureCount must be between 1 and 2147483647, got -1", func() { breaker.FailureCount(-1) }},
		{"breaker: FailureRate must be a ratio of at least 0.000001 and at most 1, got 0", func() { breaker.FailureRate(0, 1) }},
		{"breaker: FailureRate must be a ratio of at least 0.000001 and at most 1, got NaN", func() { breaker.FailureRate(math.NaN(), 1) }},
		{"breaker: FailureRate must be a ratio of at least 0.000001 and at most 1, got 50", func() { breaker.FailureRate(50, 1) }},
		{"breaker: FailureRate must be a ratio of at least 0.000001 and at most 1, got -Inf", func() { breaker.FailureRate(math.Inf(-1), 1) }},
		{"breaker: FailureRate must be a ratio of at least 0.000001 and at most 1, got 1e-07", func() { breaker.FailureRate(1e-7, 1) }},
		{"breaker: FailureRate's minCalls must be between 1 and 2147483647, got 0", func() { breaker.FailureRate(0.5, 0) }},
		{"breaker: SlowCallRate's duration must be positive, got 0s", func() { breaker.SlowCallRate(0, 0.5, 1) }},
		{"breaker: SlowCallRate must be a ratio of at least 0.000001 and at most 1, got 2", func() { breaker.SlowCallRate(1, 2, 1) }},
		{"breaker: SlowCallRate's minCalls must be between 1 and 2147483647, got -5", func() { breaker.SlowCallRate(1, 1, -5) }},
		{"breaker: StuckCalls's age must be at least 1ms, got -1ns", func() { breaker.StuckCalls(-1, 1) }},
		{"breaker: StuckCalls's age must be at least 1ms, got 1ns", func() { breaker.StuckCalls(1, 1) }},
		{"breaker: StuckCalls must be between 1 and 2147483647, got 0", func() { breaker.StuckCalls(time.Second, 0) }},
		{"breaker: Window must be at least 1ms, got 0s", func() { breaker.Window(0) }},
		{"breaker: CountWindow must be between 1 and 1000000, got 0", func() { breaker.CountWindow(0) }},
		{"breaker: Window(1s) and CountWindow(5) exclude each other; leave one out", func() {
			breaker.New(breaker.Window(time.Second), breaker.CountWindow(5))
		}},
		{"breaker: a rule that needs 100 calls never opens with CountWindow(10); enlarge the window", func() {
			breaker.New(breaker.FailureRate(0.5, 100), breaker.CountWindow(10))
		}},
		{"breaker: a rule that needs 11 calls never opens with CountWindow(10); enlarge the window", func() {
			breaker.New(breaker.FailureCount(11), breaker.CountWindow(10))
		}},
		{"breaker: OpenFor must be positive, got 0s", func() { breaker.OpenFor(0) }},
		{"breaker: OpenGrowth must be positive, got -1s", func() { breaker.OpenGrowth(-time.Second) }},
		{"breaker: OpenGrowth must be at least the 5s of OpenFor, got 1s", func() { breaker.New(breaker.OpenGrowth(time.Second)) }},
		{"breaker: OpenJitter must be a ratio of at least 0.000001 and at most 1, got 1.5", func() { breaker.OpenJitter(1.5) }},
		{"breaker: HonorRetryAfter must be positive, got 0s", func() { breaker.HonorRetryAfter(0) }},
		{"breaker: HalfOpenProbes must be between 1 and 10000, got 0", func() { breaker.HalfOpenProbes(0) }},
		{"breaker: CloseRatio must be a ratio of at least 0.000001 and at most 1, got 0", func() { breaker.CloseRatio(0) }},
		{"breaker: ProbeLease must be positive, got 0s", func() { breaker.ProbeLease(0) }},
		{"breaker: HalfOpenFor must be at least 1ms, got 0s", func() { breaker.HalfOpenFor(0) }},
		{"breaker: HalfOpenFor must be at least 1ms, got 1ns", func() { breaker.HalfOpenFor(1) }},
		{"breaker: RampUp must be positive, got 0s", func() { breaker.RampUp(0) }},
		{"breaker: Classify must not be nil; leave it out", func() { breaker.Classify(nil) }},
		{"breaker: Initially must be Closed, Open or HalfOpen, got State(3)", func() { breaker.Initially(3) }},
		{"breaker: MaxKeys must be between 1 and 2147483647, got 0", func() { breaker.MaxKeys(0) }},
		{"breaker: IdleAfter must be at least 1s, got 0s", func() { breaker.IdleAfter(0) }},
		{"breaker: IdleAfter must be at least 1s, got 1ns", func() { breaker.IdleAfter(1) }},
		{"breaker: an option must not be nil, number 1 is; leave it out", func() { breaker.New(breaker.Counted(), nil) }},
		{"breaker: an option must not be nil, number 0 is; leave it out", func() { breaker.NewKeyed[int](nil) }},
		{"breaker: a rule must not be nil, number 0 is; leave it out", func() { breaker.New().SetRules(nil) }},
		{"breaker: MaxOpenShare must be a ratio of at least 0.000001 and at most 1, got 0", func() { breaker.MaxOpenShare(0) }},
	}
	for _, tt := range tests {
		assert.PanicsWithValue(t, tt.want, tt.f)
	}
}

func TestTheDefaultRateFitsASmallCountWindow(t *testing.T) {
	b := breaker.New(breaker.CountWindow(4))
	play(t, b, "ssff")
	assert.Equal(t, breaker.Open, b.State())
}

func TestHugeDurationsMeanForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(math.MaxInt64), breaker.OpenGrowth(math.MaxInt64),
			breaker.OpenJitter(1), breaker.ProbeLease(math.MaxInt64), breaker.HalfOpenFor(math.MaxInt64), breaker.RampUp(math.MaxInt64))
		trip(t, b)
		time.Sleep(100 * 365 * 24 * time.Hour)
		assert.Equal(t, breaker.Open, b.State())
		assert.Positive(t, b.RetryAfter())
	})
}

func TestASuccessThatOpensNamesTheLastFailure(t *testing.T) {
	tests := []struct {
		name string
		rule breaker.Rule
	}{
		{"time window", breaker.Window(time.Minute)},
		{"count window", breaker.CountWindow(4)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := breaker.New(breaker.FailureRate(0.5, 4), tt.rule)
			play(t, b, "ffss")
			require.Equal(t, breaker.Open, b.State())
			assert.Equal(t, errDown, b.Stats().Cause)
		})
	}
}

func TestSlowCallsLeaveACountWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.SlowCallRate(time.Second, 0.5, 4), breaker.CountWindow(4))
		play(t, b, "sss")
		slowly(t, b, 2*time.Second, nil)
		assert.EqualValues(t, 1, b.Stats().WindowSlow)
		play(t, b, "ssss")
		assert.EqualValues(t, 0, b.Stats().WindowSlow)
	})
}
