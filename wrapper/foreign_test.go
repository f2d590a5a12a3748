package wrapper_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/rate"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// foreignLayer is a layer of somebody else.
type foreignLayer func(ctx context.Context, fn func(context.Context) error) error

func (f foreignLayer) Do(ctx context.Context, fn func(context.Context) error) error {
	return f(ctx, fn)
}

func TestALayerThatRanNothingIsNotAZero(t *testing.T) {
	w := wrapper.Compose(foreignLayer(func(context.Context, func(context.Context) error) error { return nil }))
	_, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 7, nil })
	assert.ErrorIs(t, err, wrapper.ErrNotRun)
}

func TestTheResultIsThatOfTheRunWhoseSuccessTheLayerReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A hedge that takes the first success and does not wait for the other.
		var wg sync.WaitGroup
		hedge := foreignLayer(func(ctx context.Context, fn func(context.Context) error) error {
			first := make(chan error, 2)
			for range 2 {
				wg.Go(func() { first <- fn(ctx) })
			}
			return <-first
		})
		s := semaphore.New(2)
		w := wrapper.Compose(hedge, s)
		var mu sync.Mutex
		runs := 0
		got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) {
			mu.Lock()
			runs++
			n := runs
			mu.Unlock()
			time.Sleep(time.Duration(n) * time.Second)
			return n, nil
		})
		assert.NoError(t, err)
		assert.Equal(t, 1, got)
		wg.Wait()
		assert.Zero(t, s.Held())
	})
}

func TestALayerThatCancelsARunIsNoFailureForTheBreakerButADeadlineIs(t *testing.T) {
	tests := []struct {
		name  string
		limit func(context.Context) (context.Context, context.CancelFunc)
		want  breaker.State
	}{
		{"cancelled, as the loser of a hedge", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, breaker.Closed},
		{"a deadline of its own", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, breaker.Open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := breaker.New(breaker.ConsecutiveFailures(1)), semaphore.New(1)
				w := wrapper.Compose(wrapper.Timeout(time.Hour), foreignLayer(func(ctx context.Context, fn func(context.Context) error) error {
					ctx, cancel := tt.limit(ctx)
					defer cancel()
					return fn(ctx)
				}), b, s)
				assert.Error(t, w.Do(t.Context(), hanging))
				assert.Equal(t, tt.want, b.State())
				assert.Zero(t, s.Held())
			})
		})
	}
}

func TestAnErrorOfALayerStandsForTheCallUnlessItRefusedOrWasCutShort(t *testing.T) {
	tests := []struct {
		name   string
		do     func(ctx context.Context) error
		tokens float64
		state  breaker.State
	}{
		{"an error of its own", failing, 4, breaker.Open},
		{"a rejection", func(context.Context) error { return refusal{} }, 5, breaker.Closed},
		{"cut short", hanging, 5, breaker.Closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := breaker.New(breaker.ConsecutiveFailures(1)), ratelimit.New(ratelimit.PerHour(1), 5)
				w := wrapper.Compose(wrapper.Timeout(time.Second), b, l, foreignLayer(func(ctx context.Context, _ func(context.Context) error) error {
					return tt.do(ctx)
				}))
				assert.Error(t, w.Do(t.Context(), nothing))
				assert.InDelta(t, tt.tokens, l.Tokens(), 0.1)
				assert.Equal(t, tt.state, b.State())
			})
		})
	}
}

func TestARunOfALayerWhoseContextIsDoneRunsNothing(t *testing.T) {
	w := wrapper.Compose(foreignLayer(func(ctx context.Context, fn func(context.Context) error) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return fn(ctx)
	}))
	ran := false
	err := w.Do(t.Context(), func(context.Context) error { ran = true; return nil })
	assert.Equal(t, context.Canceled, err)
	assert.False(t, ran)
}

func TestARunThatALayerBeginsTooLateRunsNothing(t *testing.T) {
	var late func(context.Context) error
	w := wrapper.Compose(foreignLayer(func(ctx context.Context, fn func(context.Context) error) error {
		late = fn
		return fn(ctx)
	}), semaphore.New(1))
	runs := 0
	require.NoError(t, w.Do(t.Context(), func(context.Context) error { runs++; return nil }))
	require.NoError(t, w.Close())
	assert.ErrorIs(t, late(t.Context()), context.Canceled)
	assert.Equal(t, 1, runs, "the call had returned, and the wrapper was closed")
}

func TestForeignGatesStandInThePlaceOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, s := breaker.New(), ratelimit.New(ratelimit.PerHour(1), 1), semaphore.New(1)
		w := wrapper.Compose(b, wrapper.Limiter(l), wrapper.Semaphore(s))
		b.ForceOpen(errBoom)
		assert.ErrorIs(t, w.Do(t.Context(), nothing), breaker.ErrOpen)
		assert.True(t, l.Allow(), "an open breaker cost a token")
		b.Reset()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Error(t, w.Do(ctx, nothing), "there is no token")
		assert.Zero(t, s.Held())
		assert.PanicsWithValue(t, "wrapper: Limiter needs a limiter, got nil (<nil>)", func() { wrapper.Limiter(nil) })
		assert.PanicsWithValue(t, "wrapper: Semaphore needs a semaphore, got nil (<nil>)", func() { wrapper.Semaphore(nil) })
	})
}

// TestTheTypesOfTheXRepositoriesAreGates uses ours with the same methods.
func TestTheTypesOfTheXRepositoriesAreGates(t *testing.T) {
	l, s := rate.NewLimiter(rate.Every(time.Hour), 2), semaphore.NewWeighted(1)
	b := breaker.New()
	w := wrapper.Compose(b, wrapper.Limiter(l), wrapper.Semaphore(s))
	assert.Equal(t, b.String()+" ready? > Limiter(*rate.Limiter) > Semaphore(*semaphore.Weighted) > Breaker acquire > call", w.String())
	require.NoError(t, w.Do(t.Context(), func(context.Context) error {
		assert.False(t, s.TryAcquire(1), "a call holds one permit")
		return nil
	}))
	assert.True(t, s.TryAcquire(1))
	assert.InDelta(t, 1, l.Tokens(), 0.01, "and has paid one token")
}

func TestAdaptersAreLayersOnTheirOwn(t *testing.T) {
	l, s := ratelimit.New(ratelimit.PerHour(1), 1), semaphore.New(1)
	for _, layer := range []wrapper.Layer{wrapper.Limiter(l), wrapper.Semaphore(s), wrapper.Timeout(time.Hour)} {
		assert.ErrorIs(t, layer.Do(t.Context(), failing), errBoom)
	}
	assert.Zero(t, s.Held())
	assert.Zero(t, int(l.Tokens()))
}

func TestWrappersWorkOutsideAndInTwoBubbles(t *testing.T) {
	// A timeout has no state that time changes, so one made outside holds inside.
	timed := wrapper.Compose(wrapper.Timeout(time.Second), wrapper.AttemptTimeout(time.Second), semaphore.New(3))
	use := func(t *testing.T) {
		t.Helper()
		w := newWrapper(t, whole)
		for _, w := range []*wrapper.Wrapper{timed, w} {
			require.NoError(t, w.Do(t.Context(), nothing))
			require.NoError(t, w.Do(t.Context(), func(ctx context.Context) error {
				at, ok := ctx.Deadline()
				require.True(t, ok)
				require.Less(t, time.Until(at), 4*time.Second)
				return ctx.Err()
			}))
		}
		require.NoError(t, w.Close())
	}
	use(t)
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			use(t)
			begin := time.Now()
			require.ErrorIs(t, timed.Do(t.Context(), hanging), wrapper.ErrTimeout)
			require.Equal(t, time.Second, time.Since(begin))
		})
		use(t)
	}
}

// strict panics if more is released than was acquired, as a good semaphore does.
type strict struct{ held int64 }

func (s *strict) Acquire(_ context.Context, n int64) error { s.held += n; return nil }
func (s *strict) Release(n int64) {
	if s.held -= n; s.held < 0 {
		panic("released more than is held")
	}
}

func TestTheOtherPermitsAreBackIfTheReleaseOfOnePanicsWhileAPanicPasses(t *testing.T) {
	foreign, ours, other := &strict{}, semaphore.New(1), semaphore.New(1)
	w := wrapper.Compose(ours, other, wrapper.Semaphore(foreign))
	end := testkit.Run(func() {
		_ = w.Do(t.Context(), func(context.Context) error {
			foreign.Release(1)
			panic("boom")
		})
	})
	assert.True(t, end.Panicked)
	assert.Zero(t, other.Held())
	assert.Zero(t, ours.Held())
	assert.Zero(t, w.Stats().Running)
}
