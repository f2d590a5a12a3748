package wrapper_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestPartsStandInForThoseOfTheConfig(t *testing.T) {
	shared := ratelimit.New(ratelimit.PerHour(1), 2)
	w, err := wrapper.New(whole, wrapper.Parts{Limiter: shared})
	require.NoError(t, err)
	assert.Contains(t, w.String(), "> Limiter("+shared.Rate().String()+", burst 2) > Semaphore(10) >")
	want := whole
	want.RateLimit, want.Burst = 0, 0
	assert.Equal(t, want, w.Config(), "it gives back what holds")
	assert.NoError(t, w.Do(t.Context(), nothing))
	assert.InDelta(t, 1, shared.Tokens(), 0.01)
	require.NoError(t, w.Close())
	assert.True(t, shared.Allow(), "the caller's own parts stay open")
}

func TestEveryPartCanBeReplaced(t *testing.T) {
	policy, b := retry.New(retry.MaxRetries(1)), breaker.New()
	redis := &remoteLimiter{}
	s := semaphore.New(3)
	wrong := wrapper.Config{RetryAttempts: -1, RateLimit: -1, MaxConcurrency: -1, EnableCircuitBreaker: true}
	w, err := wrapper.New(wrong, wrapper.Parts{Retry: policy, Limiter: wrapper.Limiter(redis)}, wrapper.Parts{Breaker: b, Semaphore: s})
	require.NoError(t, err, "fields of replaced parts are not looked at")
	assert.Equal(t, policy.String()+" > "+b.String()+" ready? > Limiter(*wrapper_test.remoteLimiter) > Semaphore(3) > Breaker acquire > call", w.String())
	assert.Equal(t, wrapper.Config{}, w.Config())
	assert.NoError(t, w.Do(t.Context(), nothing))
	assert.Equal(t, 1, redis.waits)

	_, err = wrapper.New(wrapper.Config{Timeout: -1}, wrapper.Parts{Semaphore: s})
	assert.Error(t, err, "the rest is")
}

// remoteLimiter is a limiter of somebody else.
type remoteLimiter struct{ waits int }

func (l *remoteLimiter) Wait(context.Context) error { l.waits++; return nil }

func TestANewWrapperBoundsAPauseThatAnErrorAsksFor(t *testing.T) {
	w := newWrapper(t, wrapper.Config{RetryAttempts: 1, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond})
	begin := time.Now()
	assert.ErrorIs(t, w.Do(t.Context(), func(context.Context) error { return retry.After(errBoom, time.Hour) }), errBoom)
	assert.Less(t, time.Since(begin), time.Minute)
}
