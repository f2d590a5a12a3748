package wrapper_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// other is a layer of somebody else, without a String method.
type other struct{}

func (other) Do(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) }

func TestStringNamesTheLayersOutermostFirst(t *testing.T) {
	l, s, b, r := ratelimit.New(ratelimit.PerSecond(50), 10), semaphore.New(10), breaker.New(), retry.New()
	settings := strings.NewReplacer("Breaker ready?", b.String()+" ready?", "Retry", r.String())
	tests := []struct {
		name   string
		layers []wrapper.Layer
		want   string
	}{
		{"none", nil, "call"},
		{
			"the standard order",
			[]wrapper.Layer{wrapper.Timeout(time.Second), r, b, l, s, wrapper.AttemptTimeout(time.Millisecond)},
			"Timeout(1s) > Retry > Breaker ready? > Limiter(50/s, burst 10) > Semaphore(10) > Breaker acquire > AttemptTimeout(1ms) > call",
		},
		{"a breaker never goes past a retry", []wrapper.Layer{b, l, r, s}, "Breaker ready? > Limiter(50/s, burst 10) > Breaker acquire > Retry > Semaphore(10) > call"},
		{"nor a timeout", []wrapper.Layer{b, wrapper.Timeout(time.Second), s}, "Breaker ready? > Breaker acquire > Timeout(1s) > Semaphore(10) > call"},
		{"nor another breaker", []wrapper.Layer{b, b, s}, "Breaker ready? > Breaker acquire > Breaker ready? > Semaphore(10) > Breaker acquire > call"},
		{"nor a foreign layer", []wrapper.Layer{b, other{}, s}, "Breaker ready? > Breaker acquire > wrapper_test.other > Semaphore(10) > call"},
		{"but past foreign gates", []wrapper.Layer{b, wrapper.Limiter(l), wrapper.Semaphore(s)}, "Breaker ready? > Limiter(*ratelimit.Limiter) > Semaphore(*semaphore.Semaphore) > Breaker acquire > call"},
		{"several limiters as one", []wrapper.Layer{b, ratelimit.All(l), s}, "Breaker ready? > Limiter(*ratelimit.Multi) > Semaphore(10) > Breaker acquire > call"},
		{"others", []wrapper.Layer{wrapper.Recover(), wrapper.Func(straight), wrapper.Recover()}, "Recover > Func > Recover > call"},
		{"nested", []wrapper.Layer{s, wrapper.Compose(wrapper.Compose(), l)}, "Semaphore(10) > Limiter(50/s, burst 10) > call"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, settings.Replace(tt.want), wrapper.Compose(tt.layers...).String())
		})
	}
}

func straight(ctx context.Context, next func(context.Context) error) error { return next(ctx) }

func TestNewBuildsTheStandardOrder(t *testing.T) {
	w := newWrapper(t, wrapper.Config{
		MaxConcurrency: 10, Timeout: 3 * time.Second, AttemptTimeout: time.Second, RateLimit: 50, Burst: 5,
		RetryAttempts: 3, RetryDelay: time.Millisecond, EnableCircuitBreaker: true, CircuitBreakerThreshold: 5,
	})
	assert.Equal(t, "Timeout(3s) > Retry(3, backoff at most 1ms) > Breaker(5 in a row, open 5s) ready? > Limiter(50/s, burst 5) > Semaphore(10) > Breaker acquire > AttemptTimeout(1s) > call", w.String())
	assert.Equal(t, "Limiter(2/s, burst 1) > call", newWrapper(t, wrapper.Config{RateLimit: 2}).String(), "a zero burst is 1")
	assert.Equal(t, "call", newWrapper(t, wrapper.Config{}).String(), "zero leaves a part out")
}
