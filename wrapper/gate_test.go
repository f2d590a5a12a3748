package wrapper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func keyedContext(t *testing.T, key any) context.Context {
	t.Helper()
	return wrapper.WithOverride(t.Context(), wrapper.Override{Key: key})
}

func TestABreakerForEachKeyIsAskedBeforeTheGatesAndEnteredBehindThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Minute), breaker.HalfOpenProbes(1))
		l, s := ratelimit.New(ratelimit.PerHour(1), 10), semaphore.New(1)
		w := wrapper.Compose(wrapper.PerKey(hosts), l, s)
		a, b := keyedContext(t, "a"), keyedContext(t, "b")
		require.ErrorIs(t, w.Do(a, failing), errBoom)
		require.ErrorIs(t, w.Do(a, nothing), breaker.ErrOpen)
		require.NoError(t, w.Do(b, nothing))
		assert.InDelta(t, 8, l.Tokens(), 0.01, "an open breaker costs no token")

		time.Sleep(time.Minute) // half-open
		require.NoError(t, s.Acquire(t.Context(), 1))
		waits := make(chan error)
		go func() { waits <- w.Do(a, nothing) }()
		synctest.Wait()
		assert.NoError(t, hosts.Breaker("a").Ready(), "who waits for a permit holds no probe")
		permit, err := hosts.Breaker("a").Acquire(t.Context())
		require.NoError(t, err)
		s.Release(1)
		assert.ErrorIs(t, <-waits, breaker.ErrOpen, "the only probe is taken")
		assert.Zero(t, s.Held(), "refused at the acquire: the permit is back")
		assert.InDelta(t, 8, l.Tokens(), 0.1, "and the token")
		permit.Done(nil)
		assert.NoError(t, w.Do(a, nothing))
	})
}

func TestABreakerThatIsForgottenWhileACallWaitsIsNotTheOneThatLearnsFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour), breaker.IdleAfter(time.Minute))
		s := semaphore.New(1)
		w, a := wrapper.Compose(wrapper.PerKey(hosts), s), keyedContext(t, "a")
		require.NoError(t, s.Acquire(t.Context(), 1))
		waits := make(chan error)
		go func() { waits <- w.Do(a, failing) }()
		time.Sleep(10 * time.Minute)
		require.Zero(t, hosts.Stats().Keys, "nobody used it for long")
		s.Release(1)
		assert.ErrorIs(t, <-waits, errBoom)
		assert.ErrorIs(t, w.Do(a, nothing), breaker.ErrOpen, "the breaker of the key has seen the failure")
	})
}

func TestAnAdaptiveSemaphoreStandsInThePlaceOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var judged []error
		outcomes := semaphore.Outcomes(func(err error) semaphore.Outcome { judged = append(judged, err); return semaphore.Success })
		outer, inner := semaphore.NewAdaptive(1, 1, outcomes), semaphore.NewAdaptive(1, 1, outcomes)
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Minute), breaker.HalfOpenProbes(1))
		w := wrapper.Compose(b, outer, inner)
		assert.Regexp(t, `^Breaker\(.*\) ready\? > Semaphore\(\*semaphore.Adaptive\) > Semaphore\(\*semaphore.Adaptive\) > Breaker acquire > call$`, w.String())
		require.ErrorIs(t, w.Do(t.Context(), failing), errBoom)
		assert.Equal(t, []error{errBoom, errBoom}, judged, "both learn from the call")
		time.Sleep(time.Minute) // half-open

		e, err := inner.Enter(t.Context(), 0)
		require.NoError(t, err)
		waits := make(chan error)
		go func() { waits <- w.Do(t.Context(), nothing) }()
		synctest.Wait()
		assert.EqualValues(t, 1, outer.Held())
		permit, err := b.Acquire(t.Context())
		require.NoError(t, err, "who waits for a permit holds no probe")
		e.Done(nil)
		judged = nil
		assert.ErrorIs(t, <-waits, breaker.ErrOpen)
		assert.Empty(t, judged, "a call that never began says nothing")
		assert.Zero(t, outer.Held()+inner.Held())
		permit.Done(nil)

		end := testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { panic("boom") }) })
		assert.Equal(t, "boom", end.Value)
		assert.Zero(t, outer.Held()+inner.Held())
		assert.Empty(t, judged, "nor does a panic")
	})
}

func TestACallOfAPriorityGoesAheadInTheQueueOfAnAdaptiveOrKeyedSemaphore(t *testing.T) {
	tests := []struct {
		name  string
		layer func() wrapper.Layer
	}{
		{"adaptive", func() wrapper.Layer { return semaphore.NewAdaptive(1, 1) }},
		{"keyed", func() wrapper.Layer { return wrapper.PerKey(semaphore.NewKeyed[string](1)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := wrapper.Compose(tt.layer())
				var order []int
				for _, priority := range []int{0, -1, 7, 3} {
					ctx := wrapper.WithOverride(t.Context(), wrapper.Override{Priority: priority, Key: "k"})
					go func() {
						assert.NoError(t, w.Do(ctx, func(context.Context) error {
							order = append(order, priority)
							time.Sleep(time.Second)
							return nil
						}))
					}()
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Equal(t, []int{0, 7, 3, -1}, order)
			})
		})
	}
}

func TestPartsForEachKeyTakeTheKeyThatIsInTheContextAtTheirPlace(t *testing.T) {
	s, l := semaphore.NewKeyed[string](1), ratelimit.NewKeyed[string](ratelimit.PerHour(1), 1)
	named := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
		return next(wrapper.WithOverride(ctx, wrapper.Override{Key: "inner"}))
	})
	w := wrapper.Compose(wrapper.PerKey(s), named, wrapper.PerKey(l), wrapper.PerKey(s))
	err := w.Do(keyedContext(t, "outer"), func(context.Context) error {
		assert.EqualValues(t, 1, s.Held("outer"))
		assert.EqualValues(t, 1, s.Held("inner"))
		return nil
	})
	assert.NoError(t, err)
	assert.Zero(t, s.Len(), "all is released")
	assert.False(t, l.Allow("inner"))
	assert.True(t, l.Allow("outer"))
}

func TestACallWithoutAKeyTakesNothing(t *testing.T) {
	tests := []struct {
		name string
		part wrapper.Layer
	}{
		{"breaker", wrapper.PerKey(breaker.NewKeyed[string]())},
		{"semaphore", wrapper.PerKey(semaphore.NewKeyed[string](1))},
		{"limiter", wrapper.PerKey(ratelimit.NewKeyed[string](ratelimit.PerHour(1), 1))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, s := ratelimit.New(ratelimit.PerHour(1), 3), semaphore.New(1)
			w := wrapper.Compose(l, s, tt.part)
			for _, ctx := range []context.Context{t.Context(), keyedContext(t, 7)} {
				assert.ErrorIs(t, w.Do(ctx, nothing), wrapper.ErrNoKey)
			}
			assert.Zero(t, s.Held())
			assert.InDelta(t, 3, l.Tokens(), 0.01)
			assert.NoError(t, w.Do(keyedContext(t, "k"), nothing))
		})
	}
}

func TestSeveralLimitsAtOnceGetTheirTokensBackWhereTheCallIsRefused(t *testing.T) {
	a, b := ratelimit.New(ratelimit.PerHour(1), 5), ratelimit.New(ratelimit.PerHour(1), 5)
	full := semaphore.New(1, semaphore.MaxWaiters(0))
	refusing := wrapper.Func(func(context.Context, func(context.Context) error) error { return refusal{} })
	closed := wrapper.Compose()
	require.NoError(t, closed.Close())
	tests := []struct {
		name   string
		behind wrapper.Layer
		want   error
	}{
		{"by a semaphore", full, semaphore.ErrQueueFull},
		{"by a layer", refusing, refusal{}},
		{"by a wrapper that is closed", closed, wrapper.ErrClosed},
	}
	require.True(t, full.TryAcquire(1))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorIs(t, wrapper.Compose(ratelimit.All(a, b), tt.behind).Do(t.Context(), nothing), tt.want)
			assert.InDelta(t, 5, a.Tokens(), 0.01)
			assert.InDelta(t, 5, b.Tokens(), 0.01)
		})
	}
	t.Run("by a breaker", func(t *testing.T) {
		guard := breaker.New(breaker.ConsecutiveFailures(1))
		tripping := wrapper.Limiter(waiterFunc(func() error { guard.ForceOpen(errBoom); return nil }))
		err := wrapper.Compose(guard, ratelimit.All(a, b), tripping).Do(t.Context(), nothing)
		assert.ErrorIs(t, err, breaker.ErrOpen)
		assert.InDelta(t, 5, a.Tokens(), 0.01)
		assert.InDelta(t, 5, b.Tokens(), 0.01)
	})
	assert.NoError(t, wrapper.Compose(ratelimit.All(a, b)).Do(t.Context(), nothing))
	assert.InDelta(t, 4, a.Tokens(), 0.01, "a call that ran has paid")
}

type waiterFunc func() error

func (f waiterFunc) Wait(context.Context) error { return f() }

func TestEveryLimiterOfOursIsAGate(t *testing.T) {
	adaptive := ratelimit.NewAdaptive(ratelimit.PerSecond(10), ratelimit.PerSecond(1000), ratelimit.AdaptiveBurst(5))
	tests := []struct {
		name  string
		layer wrapper.Layer
	}{
		{"Multi", ratelimit.All(ratelimit.New(ratelimit.PerSecond(1), 5))},
		{"Batch", ratelimit.NewBatch(ratelimit.PerSecond(100), 10, 2)},
		{"FixedWindow", ratelimit.NewFixedWindow(5, time.Hour)},
		{"SlidingWindow", ratelimit.NewSlidingWindow(5, time.Hour)},
		{"Adaptive", adaptive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := breaker.New()
			w := wrapper.Compose(b, tt.layer)
			assert.Equal(t, b.String()+" ready? > Limiter(*ratelimit."+tt.name+") > Breaker acquire > call", w.String())
			assert.NoError(t, w.Do(t.Context(), nothing))
		})
	}
}

type throttled struct{ error }

func (t throttled) Unwrap() error { return t.error }

func (throttled) RetryAfter() time.Duration { return time.Minute }

func TestAnAdaptiveLimiterLearnsFromCallsThatBeganAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(1000))
		w := wrapper.Compose(a)
		for range 100 {
			require.NoError(t, w.Do(t.Context(), nothing))
			time.Sleep(time.Second)
		}
		grown := a.Rate().PerSecond()
		assert.Greater(t, grown, 10.0, "it learns from successes")
		full := semaphore.New(1, semaphore.MaxWaiters(0))
		require.True(t, full.TryAcquire(1))
		require.ErrorIs(t, wrapper.Compose(a, full).Do(t.Context(), nothing), semaphore.ErrQueueFull)
		refused := wrapper.Compose(a, wrapper.Func(func(context.Context, func(context.Context) error) error { return throttled{refusal{}} }))
		require.ErrorIs(t, refused.Do(t.Context(), nothing), refusal{})
		assert.InDelta(t, grown, a.Rate().PerSecond(), 0.01, "what never began says nothing")
		begin := time.Now()
		_ = w.Do(t.Context(), func(context.Context) error { return throttled{errors.New("429")} })
		assert.Less(t, a.Rate().PerSecond(), grown, "and from a refusal of the server")
		require.NoError(t, w.Do(t.Context(), nothing))
		assert.GreaterOrEqual(t, time.Since(begin), time.Minute, "which said for how long")
	})
}

func TestACallRefusedAtTheAcquireGivesTheTokenOfAWindowBack(t *testing.T) {
	type window interface {
		wrapper.Layer
		Take(n int) ratelimit.Decision
	}
	for name, newWindow := range map[string]func() window{
		"fixed":   func() window { return ratelimit.NewFixedWindow(5, time.Hour) },
		"sliding": func() window { return ratelimit.NewSlidingWindow(5, time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			b, l, s := breaker.New(), newWindow(), semaphore.New(1)
			w := wrapper.Compose(b, l, s)
			require.NoError(t, w.Do(t.Context(), nothing))
			require.Equal(t, 4, l.Take(0).Remaining, "%s: a call that began has used it", name)
			require.Error(t, w.Do(t.Context(), failing))
			require.Equal(t, 3, l.Take(0).Remaining, name)

			require.NoError(t, s.Acquire(t.Context(), 1))
			done := make(chan error)
			go func() { done <- w.Do(t.Context(), nothing) }()
			synctest.Wait() // it has its token and waits for a permit
			require.Equal(t, 2, l.Take(0).Remaining, name)
			b.ForceOpen(errBoom)
			s.Release(1)
			require.ErrorIs(t, <-done, breaker.ErrOpen)
			require.Equal(t, 3, l.Take(0).Remaining, name)

			alone := wrapper.Compose(l)
			allocs := testing.AllocsPerRun(1, func() { _ = alone.Do(context.Background(), nothing) })
			assert.Zero(t, allocs, "%s: where nothing can refuse, nothing is kept", name)
		})
	}
}
