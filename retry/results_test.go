package retry_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

// body is a result that must be closed unless it is returned.
type body struct{ n int }

// closer notes what was closed.
type closer struct {
	mu     sync.Mutex
	closed []int
}

func (c *closer) close(b *body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = append(c.closed, b.n) // a nil body panics
}

// Trap 13: the results of failed attempts are dropped with their bodies open.
func TestTrap13ResultsThatAreNotReturnedAreDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c closer
		begin := time.Now()
		var closedBefore []int
		got, err := retry.Do(t.Context(), constant(time.Second), func(ctx context.Context) (*body, error) {
			n := retry.Attempt(ctx)
			closedBefore = append(closedBefore, len(c.closed))
			switch n {
			case 1, 3:
				return &body{n}, errBoom // 503, with a body
			case 2:
				return nil, errBoom
			}
			return &body{n}, nil
		}, retry.Discard(c.close))
		assert.NoError(t, err)
		assert.Equal(t, &body{4}, got)
		assert.Equal(t, []int{1, 3}, c.closed, "each once, no zero value, not the one that is returned")
		assert.Equal(t, []int{0, 1, 1, 2}, closedBefore, "before the next attempt")
		assert.Equal(t, 3*time.Second, time.Since(begin))
	})
}

func TestTheResultOfAFailedCallIsDiscarded(t *testing.T) {
	var c closer
	got, err := retry.Do(t.Context(), constant(0, retry.MaxRetries(1)), func(ctx context.Context) (*body, error) {
		return &body{retry.Attempt(ctx)}, errBoom
	}, retry.Discard(c.close))
	assert.ErrorIs(t, err, retry.ErrExhausted)
	assert.Nil(t, got)
	assert.Equal(t, []int{1, 2}, c.closed)
}

func TestTheResultOfALosingRunIsDiscarded(t *testing.T) {
	for _, firstTakes := range []time.Duration{3 * time.Second, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var c closer
			var mu sync.Mutex
			runs := 0
			got, err := retry.Do(t.Context(), constant(0, retry.Hedge(2*time.Second)), func(context.Context) (*body, error) {
				mu.Lock()
				runs++
				n := runs
				mu.Unlock()
				takes := firstTakes // the second ends after 4 s
				if n == 2 {
					takes = 2 * time.Second
				}
				time.Sleep(takes) // deaf
				return &body{n}, nil
			}, retry.Discard(c.close))
			assert.NoError(t, err)
			winner := 1
			if firstTakes > 4*time.Second {
				winner = 2
			}
			assert.Equal(t, &body{winner}, got)
			assert.Equal(t, []int{3 - winner}, c.closed)
		})
	}
}

func TestAResultIsDiscardedWhenTheOtherRunPanics(t *testing.T) {
	for _, end := range []func(){func() { panic("boom") }, runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			var c closer
			var mu sync.Mutex
			runs := 0
			e := testkit.Run(func() {
				_, _ = retry.Do(t.Context(), constant(0, retry.Hedge(time.Second)), func(context.Context) (*body, error) {
					mu.Lock()
					runs++
					n := runs
					mu.Unlock()
					time.Sleep(2 * time.Second)
					if n == 2 {
						end()
					}
					return &body{n}, nil
				}, retry.Discard(c.close))
			})
			assert.False(t, e.Returned)
			assert.Equal(t, []int{1}, c.closed)
		})
	}
}

func TestFallback(t *testing.T) {
	fallen := errors.New("no fallback either")
	var c closer
	calls := 0
	got, err := retry.Do(t.Context(), constant(0, retry.MaxRetries(1)), func(context.Context) (int, error) { return 7, errBoom },
		retry.Fallback(func(ctx context.Context, err error) (int, error) {
			calls++
			assert.Equal(t, t.Context(), ctx)
			assert.ErrorIs(t, err, retry.ErrExhausted)
			assert.ErrorIs(t, err, errBoom)
			return 42, nil
		}))
	assert.NoError(t, err)
	assert.Equal(t, 42, got)
	assert.Equal(t, 1, calls)

	_, err = retry.Do(t.Context(), constant(0), func(context.Context) (*body, error) { return &body{1}, retry.Permanent(errBoom) },
		retry.Fallback(func(context.Context, error) (*body, error) { return nil, fallen }), retry.Discard(c.close))
	assert.Equal(t, fallen, err)
	assert.Equal(t, []int{1}, c.closed)

	got, err = retry.Do(t.Context(), constant(0), func(context.Context) (int, error) { return 7, nil },
		retry.Fallback(func(context.Context, error) (int, error) { calls++; return 42, nil }))
	assert.NoError(t, err)
	assert.Equal(t, 7, got)
	assert.Equal(t, 1, calls, "a success needs none")
}

func TestAFallbackIsNotForACallThatDidNotBegin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := retry.Do(ctx, constant(0), func(context.Context) (int, error) { return 7, nil },
		retry.Fallback(func(context.Context, error) (int, error) { t.Error("called"); return 42, nil }))
	assert.Equal(t, context.Canceled, err)
}

func TestAFallbackServesACallWhoseContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := retry.Do(ctx, constant(0), func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
			retry.Fallback(func(ctx context.Context, err error) (string, error) {
				assert.Error(t, ctx.Err())
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				return "cached", nil
			}))
		assert.NoError(t, err)
		assert.Equal(t, "cached", got)
	})
}

func TestNilResultOptionsPanic(t *testing.T) {
	assert.PanicsWithValue(t, "retry: Fallback needs a function, got nil", func() { retry.Fallback[int](nil) })
	assert.PanicsWithValue(t, "retry: Discard needs a function, got nil", func() { retry.Discard[int](nil) })
}

func TestAHedgedTypedCallReturnsTheResultOfTheWinner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs := 0
		got, err := retry.Do(t.Context(), constant(0, retry.Hedge(time.Second)), func(ctx context.Context) (int, error) {
			mu.Lock()
			runs++
			n := runs
			mu.Unlock()
			if n == 1 {
				<-ctx.Done()
				return n, ctx.Err()
			}
			return n, nil
		})
		assert.NoError(t, err)
		assert.Equal(t, 2, got)
	})
}
