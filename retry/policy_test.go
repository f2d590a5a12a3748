package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

var errBoom = errors.New("boom")

// script returns the errors in order, the last for ever, and notes when it ran.
type script struct {
	errs  []error
	begin time.Time
	at    []time.Duration
	n     []int // what Attempt said
}

func scripted(errs ...error) *script { return &script{errs: errs, begin: time.Now()} }

func (s *script) run(ctx context.Context) error {
	s.at = append(s.at, time.Since(s.begin))
	s.n = append(s.n, retry.Attempt(ctx))
	return s.errs[min(len(s.at), len(s.errs))-1]
}

func constant(d time.Duration, opts ...retry.Option) *retry.Policy {
	return retry.New(append([]retry.Option{retry.Backoff(retry.Constant(d))}, opts...)...)
}

func TestASuccessEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, errBoom, nil)
		require.NoError(t, constant(time.Second).Do(t.Context(), s.run))
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, s.at)
		assert.Equal(t, []int{1, 2, 3}, s.n)
	})
}

func TestDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			s := scripted(errBoom)
			require.ErrorIs(t, retry.New().Do(t.Context(), s.run), retry.ErrExhausted)
			require.Len(t, s.at, 4)
			for i, most := range []time.Duration{100, 200, 400} {
				assert.LessOrEqual(t, s.at[i+1]-s.at[i], most*time.Millisecond)
			}
		}
	})
}

func TestMaxRetriesCountsTheAttemptsAfterTheFirst(t *testing.T) {
	for _, n := range []int{0, 1, 5} {
		s := scripted(errBoom)
		err := constant(0, retry.MaxRetries(n)).Do(t.Context(), s.run)
		assert.Len(t, s.at, n+1)
		e, ok := errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok)
		assert.Equal(t, n+1, e.Attempts)
		assert.Equal(t, errBoom, e.Last)
		assert.NoError(t, e.Cause)
		assert.ErrorIs(t, err, retry.ErrExhausted)
		assert.ErrorIs(t, err, errBoom)
		assert.False(t, isRejection(err))
	}
}

func TestMaxIntRetriesSetNoBound(t *testing.T) {
	n := 0
	err := constant(0, retry.MaxRetries(math.MaxInt)).Do(t.Context(), func(context.Context) error {
		if n++; n == 10_000 {
			return nil
		}
		return errBoom
	})
	assert.NoError(t, err)
	assert.Equal(t, 10_000, n)
}

func TestAPermanentErrorEndsTheCallAndIsReturnedAsItIs(t *testing.T) {
	s := scripted(errBoom, fmt.Errorf("get user: %w", retry.Permanent(errBoom)), nil)
	err := constant(0).Do(t.Context(), s.run)
	assert.Len(t, s.at, 2)
	assert.ErrorIs(t, err, errBoom)
	assert.EqualError(t, err, "get user: boom")
	assert.NotErrorIs(t, err, retry.ErrExhausted)
	assert.NoError(t, retry.Permanent(nil))
}

func TestAPermanentErrorEndsAnOuterPolicyToo(t *testing.T) {
	s := scripted(retry.Permanent(errBoom))
	err := constant(0).Do(t.Context(), func(ctx context.Context) error { return constant(0).Do(ctx, s.run) })
	assert.ErrorIs(t, err, errBoom)
	assert.Len(t, s.at, 1)
}

func TestIfRefuses(t *testing.T) {
	s := scripted(errBoom, context.Canceled, nil)
	err := constant(0, retry.If(func(err error) bool { return !errors.Is(err, context.Canceled) })).Do(t.Context(), s.run)
	assert.Equal(t, context.Canceled, err)
	assert.Len(t, s.at, 2)
}

func TestMaxDelayCutsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, nil)
		require.NoError(t, constant(time.Hour, retry.MaxDelay(time.Second)).Do(t.Context(), s.run))
		assert.Equal(t, time.Second, s.at[1])
	})
}

func TestPanicAndGoexitPassThrough(t *testing.T) {
	for _, opts := range [][]retry.Option{nil, {retry.AttemptTimeout(time.Hour)}, {retry.Spend(retry.NewBudget(1, 1))}} {
		p := constant(0, opts...)
		runs := 0
		var inside context.Context
		end := testkit.Run(func() {
			_ = p.Do(t.Context(), func(ctx context.Context) error { runs++; inside = ctx; panic(errBoom) })
		})
		assert.Equal(t, testkit.End{Panicked: true, Value: errBoom}, end, "untouched")
		assert.Equal(t, 1, runs)
		if len(opts) > 0 && inside != t.Context() {
			assert.Error(t, inside.Err(), "the attempt's context ended")
		}
		end = testkit.Run(func() {
			_ = p.Do(t.Context(), func(context.Context) error { exit(); return nil })
		})
		assert.True(t, end.Exited)
	}
}

// Trap 24: a nil policy runs the work unprotected, or dies later.
func TestTrap24ANilPolicyPanicsBeforeTheWorkRuns(t *testing.T) {
	var p *retry.Policy
	assert.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { t.Error("ran"); return nil }) })
	assert.Panics(t, func() {
		_, _ = retry.Do(t.Context(), p, func(context.Context) (int, error) { t.Error("ran"); return 0, nil })
	})
}

// Trap 21: what two policies were made of is shared or aliased.
func TestTrap21PoliciesOfTheSameOptionsShareNothing(t *testing.T) {
	opts := []retry.Option{retry.AttemptTimeout(time.Second), retry.MaxRetries(0), retry.HedgeQuantile(0.9, time.Hour), retry.Counted()}
	a, b := retry.New(opts...), retry.New(opts...)
	clear(opts)
	synctest.Test(t, func(t *testing.T) {
		quick := func(context.Context) error { time.Sleep(ms); return nil }
		for range 50 {
			assert.NoError(t, a.Do(t.Context(), quick))
		}
		assert.NoError(t, b.Do(t.Context(), func(context.Context) error { time.Sleep(20 * ms); return nil }))
		assert.Equal(t, retry.Stats{Calls: 1}, b.Stats(), "b has not learned from a")
	})
	synctest.Test(t, func(t *testing.T) {
		timeout := retry.AttemptTimeout(time.Second)
		err := constant(0, retry.MaxRetries(0), timeout).Do(t.Context(), func(ctx context.Context) error {
			time.Sleep(ms)
			err := constant(0, timeout).Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			assert.NotErrorIs(t, err, retry.ErrAttemptTimeout, "not that of the inner policy")
			return err
		})
		assert.ErrorIs(t, err, retry.ErrAttemptTimeout)
	})
}

func TestAPanicOrGoexitOfACallbackPassesThrough(t *testing.T) {
	for name, callback := range map[string]func(end func()) retry.Option{
		"If": func(end func()) retry.Option { return retry.If(func(error) bool { end(); return true }) },
		"Backoff": func(end func()) retry.Option {
			return retry.Backoff(func(_ int, prev time.Duration) time.Duration {
				if prev != retry.Longest {
					end()
				}
				return 0
			})
		},
		"BackoffFrom": func(end func()) retry.Option {
			return retry.BackoffFrom(func() *doubling { end(); return newDoubling() })
		},
		"Retry": func(end func()) retry.Option {
			return retry.On(retry.Events{Retry: func(retry.Retry) { end() }})
		},
	} {
		for _, end := range []func(){func() { panic(errBoom) }, exit} {
			var inside context.Context
			p := constant(0, retry.AttemptTimeout(time.Hour), callback(end))
			got := testkit.Run(func() {
				_ = p.Do(t.Context(), func(ctx context.Context) error { inside = ctx; return errBoom })
			})
			assert.False(t, got.Returned, name)
			assert.Equal(t, context.Canceled, inside.Err(), "%s: nothing is held", name)
		}
	}
}

func TestAPolicyWorksInTwoBubblesAndOutside(t *testing.T) {
	p := retry.New(retry.MaxElapsed(time.Hour), retry.Spend(retry.NewBudget(1, 1)), retry.Backoff(retry.Constant(ms)),
		retry.AttemptTimeout(time.Minute), retry.HedgeQuantile(0.5, 10*time.Second), retry.Counted())
	call := func(t *testing.T) {
		t.Helper()
		got, err := retry.Do(t.Context(), p, scriptedInt(errBoom, nil))
		assert.NoError(t, err)
		assert.Equal(t, 1, got)
	}
	call(t)
	synctest.Test(t, call)
	synctest.Test(t, call)
	call(t)
}

func TestBadValuesPanic(t *testing.T) {
	tests := map[string]func(){
		"retry: MaxRetries must be at least 0, got -1; math.MaxInt sets no bound":                  func() { retry.MaxRetries(-1) },
		"retry: Backoff needs a Delays, got nil":                                                   func() { retry.Backoff(nil) },
		"retry: FullJitter needs a Delays, got nil":                                                func() { retry.FullJitter(nil) },
		"retry: EqualJitter needs a Delays, got nil":                                               func() { retry.EqualJitter(nil) },
		"retry: MaxDelay must be positive, got 0s":                                                 func() { retry.MaxDelay(0) },
		"retry: MaxElapsed must be positive, got -1ns":                                             func() { retry.MaxElapsed(-1) },
		"retry: AttemptTimeout must be positive, got 0s":                                           func() { retry.AttemptTimeout(0) },
		"retry: If needs a function, got nil":                                                      func() { retry.If(nil) },
		"retry: Spend needs a budget, got nil or a zero one; make one with NewBudget":              func() { retry.Spend(nil) },
		"retry: the delay of Constant must be at least 0, got -1ns":                                func() { retry.Constant(-1) },
		"retry: the step of Linear must be positive, got 0s; Constant(0) makes no pause":           func() { retry.Linear(0, 1) },
		"retry: the base of Exponential must be positive, got -1ns; Constant(0) makes no pause":    func() { retry.Exponential(-1, 1) },
		"retry: the largest delay of Decorrelated must be at least its base 2ns, got 1ns":          func() { retry.Decorrelated(2, 1) },
		"retry: the ratio of a budget must be between 0 and 1000, got NaN":                         func() { retry.NewBudget(math.NaN(), 1) },
		"retry: the ratio of a budget must be between 0 and 1000, got -0.1":                        func() { retry.NewBudget(-0.1, 1) },
		"retry: the ratio of a budget must be between 0 and 1000, got +Inf":                        func() { retry.NewBudget(math.Inf(1), 1) },
		"retry: minPerSecond of a budget must be between 0 and 1000000, got -1":                    func() { retry.NewBudget(0.1, -1) },
		"retry: a budget of ratio 0 and minPerSecond 0 allows no retry; MaxRetries(0) says so":     func() { retry.NewBudget(0, 0) },
		"retry: a budget of ratio 1e-09 and minPerSecond 0 allows no retry; MaxRetries(0) says so": func() { retry.NewBudget(1e-9, 0) },
	}
	for msg, f := range tests {
		assert.PanicsWithValue(t, msg, f)
	}
}

// scriptedInt is scripted for a function with a result.
func scriptedInt(errs ...error) func(context.Context) (int, error) {
	s := scripted(errs...)
	return func(ctx context.Context) (int, error) { return len(s.at), s.run(ctx) }
}
