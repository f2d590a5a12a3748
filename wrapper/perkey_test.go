package wrapper_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// unknown is a Keyed that a wrapper takes for one of somebody else.
type unknown struct{ *wrapper.Keyed[string] }

// TestAWrapperForEachKeyIsTheSameInnermostAndAsALayerOfSomebodyElse runs each kind of
// call through both.
func TestAWrapperForEachKeyIsTheSameInnermostAndAsALayerOfSomebodyElse(t *testing.T) {
	calls := map[string]func(context.Context) (int, error){
		"success": func(context.Context) (int, error) { return 7, nil },
		"failure": func(context.Context) (int, error) { return 7, errBoom },
		"second attempt": func(ctx context.Context) (int, error) {
			if wrapper.Attempt(ctx) == 1 {
				return 0, errBoom
			}
			return wrapper.Attempt(ctx), nil
		},
		"panic":   func(context.Context) (int, error) { panic(errBoom) },
		"goexit":  func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
		"hanging": func(ctx context.Context) (int, error) { return 0, hanging(ctx) },
		"refusal": func(context.Context) (int, error) { return 0, refusal{} },
	}
	overrides := map[string]wrapper.Override{
		"key": {Key: "a"}, "no key": {}, "no retry": {Key: "a", NoRetry: true}, "timeout": {Key: "a", Timeout: time.Second}, "priority": {Key: "b", Priority: 3},
	}
	for name, call := range calls {
		for kind, o := range overrides {
			for _, done := range []bool{false, true} {
				flat := traceKeyed(t, call, o, done, func(k *wrapper.Keyed[string]) wrapper.Layer { return wrapper.PerKey(k) })
				foreign := traceKeyed(t, call, o, done, func(k *wrapper.Keyed[string]) wrapper.Layer { return wrapper.PerKey(unknown{k}) })
				require.Equal(t, foreign, flat, "%s, %s, done %t", name, kind, done)
			}
		}
	}
}

// traceKeyed says all that can be seen of three calls.
func traceKeyed(t *testing.T, call func(context.Context) (int, error), o wrapper.Override, done bool, layer func(*wrapper.Keyed[string]) wrapper.Layer) (seen []string) {
	synctest.Test(t, func(t *testing.T) {
		b, s, l := breaker.New(breaker.ConsecutiveFailures(4)), semaphore.New(1), ratelimit.New(ratelimit.PerHour(1), 20)
		k := wrapper.NewKeyed(func(string) []wrapper.Layer {
			return []wrapper.Layer{retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(time.Millisecond))), b, l, s}
		})
		outer := semaphore.New(1)
		w := wrapper.Compose(wrapper.Timeout(time.Minute), outer, layer(k))
		ctx, cancel := context.WithCancel(wrapper.WithOverride(t.Context(), o))
		defer cancel()
		if done {
			cancel()
		}
		for range 3 {
			start := time.Now()
			var v int
			var err error
			end := testkit.Run(func() { v, err = wrapper.Do(ctx, w, call) })
			seen = append(seen, fmt.Sprint(v, err, end.Panicked, end.Exited, time.Since(start), b.State(), b.Stats().ConsecutiveFailures,
				s.Held(), outer.Held(), w.Stats().Running, k.Len(), fmt.Sprintf("%.2f", l.Tokens())))
		}
		require.NoError(t, k.Close())
		err := w.Do(wrapper.WithOverride(t.Context(), wrapper.Override{Key: "a"}), nothing)
		assert.ErrorIs(t, err, wrapper.ErrClosed)
	})
	return seen
}

func TestAWrapperForEachKeyThatIsNotInnermostStillHoldsWhatIsInside(t *testing.T) {
	s := semaphore.New(1)
	k := wrapper.NewKeyed(func(string) []wrapper.Layer { return []wrapper.Layer{retry.New(retry.Backoff(retry.Constant(0)))} })
	w := wrapper.Compose(wrapper.PerKey(k), s)
	ctx, n := wrapper.WithOverride(t.Context(), wrapper.Override{Key: "a"}), 0
	got, err := wrapper.Do(ctx, w, func(context.Context) (int, error) {
		assert.EqualValues(t, 1, s.Held())
		if n++; n < 3 {
			return 0, errBoom
		}
		return n, nil
	})
	require.NoError(t, err)
	assert.Equal(t, 3, got)
}

// TestAWrapperForEachKeyHonorsAnOverrideThatALayerAroundItMakes has a layer say how the
// call of the key is to differ.
func TestAWrapperForEachKeyHonorsAnOverrideThatALayerAroundItMakes(t *testing.T) {
	for _, layer := range []func(*wrapper.Keyed[string]) wrapper.Layer{
		func(k *wrapper.Keyed[string]) wrapper.Layer { return wrapper.PerKey(k) },
		func(k *wrapper.Keyed[string]) wrapper.Layer { return wrapper.PerKey(unknown{k}) },
	} {
		k := wrapper.NewKeyed(func(string) []wrapper.Layer { return []wrapper.Layer{retry.New(retry.Backoff(retry.Constant(0)))} })
		w := wrapper.Compose(wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
			return next(wrapper.WithOverride(ctx, wrapper.Override{NoRetry: true, Timeout: time.Hour, Key: "a"}))
		}), layer(k))
		calls := 0
		err := w.Do(t.Context(), func(ctx context.Context) error {
			calls++
			_, limited := ctx.Deadline()
			assert.True(t, limited)
			return errBoom
		})
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, 1, calls)
	}
}
