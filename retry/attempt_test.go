package retry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/retry"
)

func exit() { runtime.Goexit() }

func TestAttemptIsThatOfTheInnermostPolicy(t *testing.T) {
	assert.Equal(t, 1, retry.Attempt(t.Context()), "outside of a policy")
	var got [][2]int
	_ = constant(0, retry.MaxRetries(1)).Do(t.Context(), func(outer context.Context) error {
		return constant(0, retry.MaxRetries(1)).Do(outer, func(inner context.Context) error {
			got = append(got, [2]int{retry.Attempt(outer), retry.Attempt(inner)})
			return errBoom
		})
	})
	assert.Equal(t, [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 2}}, got)
}

func TestAnAttemptsContextKeepsItsNumberAndItsParent(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var kept []context.Context
	before := runtime.NumGoroutine()
	_ = constant(0, retry.MaxRetries(2)).Do(ctx, func(ctx context.Context) error {
		child, cancel := context.WithCancel(ctx)
		t.Cleanup(cancel)
		kept = append(kept, child)
		return errBoom
	})
	assert.Equal(t, before, runtime.NumGoroutine(), "a child context costs no goroutine")
	for i, c := range kept {
		assert.Equal(t, i+1, retry.Attempt(c))
		assert.Equal(t, "value", c.Value(key{}))
		assert.NoError(t, c.Err())
	}
	cancel()
	for _, c := range kept {
		assert.Equal(t, context.Canceled, c.Err())
	}
}

func TestAnAttemptTimeoutEndsTheAttemptAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var kept context.Context
		n := 0
		err := constant(time.Second, retry.AttemptTimeout(time.Minute)).Do(t.Context(), func(ctx context.Context) error {
			at, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.Equal(t, time.Minute, time.Until(at))
			assert.Equal(t, n+1, retry.Attempt(ctx))
			if n++; n == 3 {
				kept = ctx
				return nil
			}
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), retry.ErrAttemptTimeout)
			return ctx.Err()
		})
		assert.NoError(t, err)
		assert.Equal(t, 2*time.Minute+2*time.Second, time.Since(begin))
		assert.Equal(t, context.Canceled, kept.Err(), "it ends with the attempt")
	})
}

func TestAnAttemptThatReturnsItsCauseIsNotNamedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := constant(0, retry.MaxRetries(0), retry.AttemptTimeout(time.Second)).Do(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("call: %w", context.Cause(ctx))
		})
		assert.ErrorIs(t, err, retry.ErrAttemptTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "retry: gave up after 1 attempt: call: retry: the attempt took longer than 1s")
	})
}

// Trap 12: the error of a timeout is not told from that of the caller's deadline.
func TestTrap12AnAttemptTimeoutIsNamedAndNeverForTheCallersDeadline(t *testing.T) {
	waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		err := constant(0, retry.MaxRetries(1), retry.AttemptTimeout(time.Second)).Do(t.Context(), waits)
		for _, target := range []error{retry.ErrExhausted, retry.ErrAttemptTimeout, context.DeadlineExceeded} {
			assert.ErrorIs(t, err, target)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := constant(0, retry.AttemptTimeout(time.Minute)).Do(ctx, waits)
		assert.Equal(t, context.DeadlineExceeded, err, "ctx.Err() itself")
	})
	synctest.Test(t, func(t *testing.T) {
		err := constant(0, retry.MaxRetries(0), retry.AttemptTimeout(time.Second)).Do(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return errBoom
		})
		assert.NotErrorIs(t, err, retry.ErrAttemptTimeout, "the work says why it failed")
	})
}

func TestTheCallersDeadlineWinsOverAnAttemptTimeoutOfTheSameInstant(t *testing.T) {
	for name, makeCtx := range map[string]func(context.Context, time.Duration) (context.Context, context.CancelFunc){
		"timeout": context.WithTimeout,
		"of wall time alone": func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Now().Round(0).Add(d))
		},
		"further out": func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, d)
			child, cancelChild := context.WithCancel(ctx)
			return child, func() { cancelChild(); cancel() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 { // two timers of one instant may fire in any order
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := makeCtx(t.Context(), time.Second)
					defer cancel()
					runs := 0
					err := constant(0, retry.AttemptTimeout(time.Second)).Do(ctx, func(ctx context.Context) error {
						runs++
						<-ctx.Done()
						at, ok := ctx.Deadline()
						assert.True(t, ok)
						assert.Zero(t, time.Until(at))
						return ctx.Err()
					})
					assert.Equal(t, context.DeadlineExceeded, err, "ctx.Err() itself")
					assert.Equal(t, 1, runs)
				})
			}
		})
	}
}

func TestTheTimeoutOfAnOuterAttemptIsNotThatOfTheInner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer := constant(0, retry.MaxRetries(0), retry.AttemptTimeout(time.Second))
		for _, inner := range []*retry.Policy{constant(0, retry.AttemptTimeout(time.Minute)), outer} {
			err := outer.Do(t.Context(), func(ctx context.Context) error {
				time.Sleep(ms)
				err := inner.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
				assert.Equal(t, context.DeadlineExceeded, err, "ctx.Err() itself, not a timeout of the inner policy")
				return err
			})
			assert.ErrorIs(t, err, retry.ErrAttemptTimeout)
		}
	})
}

func TestAnAttemptTimeoutThatPassedBeforeTheCancelIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := constant(0, retry.AttemptTimeout(time.Second)).Do(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			cancel()
			return ctx.Err()
		})
		for _, target := range []error{retry.ErrExhausted, retry.ErrAttemptTimeout, context.Canceled} {
			assert.ErrorIs(t, err, target)
		}
	})
}

func TestAnAttemptsContextEndsBeforeThePause(t *testing.T) {
	var inside context.Context
	p := constant(0, retry.MaxRetries(1), retry.AttemptTimeout(time.Hour), retry.On(retry.Events{
		Retry:  func(retry.Retry) { assert.Equal(t, context.Canceled, inside.Err()) },
		GaveUp: func(retry.GaveUp) { assert.Equal(t, context.Canceled, inside.Err()) },
	}))
	assert.Error(t, p.Do(t.Context(), func(ctx context.Context) error { inside = ctx; return errBoom }))
}

func TestTheTwoStepFormIsTheSameLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(errBoom, errBoom, nil)
		call := constant(time.Second).Begin(t.Context())
		require.NoError(t, call.Err())
		defer call.End()
		for call.Next(s.run(call.Context())) {
		}
		assert.NoError(t, call.Err())
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, s.at)
		assert.Equal(t, []int{1, 2, 3}, s.n)
		assert.False(t, call.Next(errBoom), "it stays ended")
		assert.NoError(t, call.Err())
	})
}

func TestAFirstAttemptIsBareUnlessThePolicyHasToKnowOfIt(t *testing.T) {
	plain := constant(0, retry.If(func(error) bool { return true }))
	assert.True(t, plain.Bare(t.Context()))
	assert.False(t, new(retry.Policy).Bare(t.Context()), "a zero one is for Begin, which says so")
	for name, o := range map[string]retry.Option{
		"Spend": retry.Spend(retry.NewBudget(1, 1)), "MaxElapsed": retry.MaxElapsed(time.Hour), "Counted": retry.Counted(),
		"AttemptTimeout": retry.AttemptTimeout(time.Hour), "Hedge": retry.Hedge(time.Hour),
	} {
		assert.False(t, constant(0, o).Bare(t.Context()), name)
	}
	var bare []bool
	_ = constant(0, retry.MaxRetries(1)).Do(t.Context(), func(ctx context.Context) error {
		bare = append(bare, plain.Bare(ctx))
		return errBoom
	})
	assert.Equal(t, []bool{true, false}, bare, "the number of an outer attempt must be hidden")
}

func TestResumeCountsAndTellsAsBeginDoes(t *testing.T) {
	var told []int
	p := constant(0, retry.MaxRetries(2), retry.On(retry.Events{
		Retry:  func(r retry.Retry) { told = append(told, r.Attempt) },
		GaveUp: func(g retry.GaveUp) { told = append(told, -g.Attempts) },
	}))
	call, again := p.Resume(t.Context(), errBoom)
	require.True(t, again)
	assert.Equal(t, 2, retry.Attempt(call.Context()))
	assert.False(t, call.Next(nil))
	require.NoError(t, call.Err())
	assert.Equal(t, []int{1}, told)
	assert.Equal(t, int64(1), p.Stats().Recovered)

	call, again = p.Resume(t.Context(), retry.Permanent(errBoom))
	assert.False(t, again)
	assert.ErrorIs(t, call.Err(), errBoom)
	assert.Equal(t, []int{1, -1}, told)
	call.End()
	call, again = p.Resume(t.Context(), nil)
	assert.False(t, again, "a success has nothing behind it")
	assert.NoError(t, call.Err())
}

func TestTheTwoStepFormDoesNotHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.Hedge(ms))
		call := p.Begin(t.Context())
		defer call.End()
		assert.False(t, call.Next(func() error { time.Sleep(time.Second); return nil }()))
		assert.Zero(t, p.Stats().Hedges)
	})
}

func TestACallThatIsNotBegunHasNoNext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call := constant(0).Begin(ctx)
	assert.Equal(t, context.Canceled, call.Err())
	assert.False(t, call.Next(errBoom))
	assert.False(t, call.Next(nil))
	assert.Equal(t, context.Canceled, call.Err())
	call.End()
}

func TestEndEndsTheAttempt(t *testing.T) {
	call := constant(0, retry.AttemptTimeout(time.Hour)).Begin(t.Context())
	ctx := call.Context()
	assert.NoError(t, ctx.Err())
	call.End()
	call.End()
	assert.Equal(t, context.Canceled, ctx.Err())
	assert.False(t, call.Next(errBoom))
}

func TestATypedCall(t *testing.T) {
	got, err := retry.Do(t.Context(), constant(0), func(ctx context.Context) (int, error) {
		n := retry.Attempt(ctx)
		if n < 3 {
			return n, errBoom
		}
		return n, nil
	})
	assert.NoError(t, err)
	assert.Equal(t, 3, got)

	got, err = retry.Do(t.Context(), constant(0), func(context.Context) (int, error) { return 7, errBoom })
	assert.ErrorIs(t, err, retry.ErrExhausted)
	assert.Zero(t, got, "an error carries no result")

	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = retry.Do(done, constant(0), func(context.Context) (int, error) { return 7, errors.New("ran") })
	assert.Equal(t, context.Canceled, err)
}
