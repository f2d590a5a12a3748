package wrapper_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestConfigListsEveryWrongField(t *testing.T) {
	tests := []struct {
		name   string
		config wrapper.Config
		fields []string
	}{
		{"zero", wrapper.Config{}, nil},
		{"all set", wrapper.Config{
			MaxConcurrency: 1, Timeout: time.Second, AttemptTimeout: time.Second, RateLimit: .5, Burst: 3,
			RetryAttempts: 1, RetryDelay: 1, MaxRetryDelay: 1, EnableCircuitBreaker: true,
			CircuitBreakerThreshold: 1, RecoveryTimeout: 1,
		}, nil},
		{"settings of parts that are left out", wrapper.Config{Burst: 5, RetryDelay: time.Second}, []string{"Burst", "RetryDelay"}},
		{"of a retry that is left out", wrapper.Config{RetryDelay: 1, MaxRetryDelay: 2}, []string{"RetryDelay", "MaxRetryDelay"}},
		{"of a breaker that is switched off", wrapper.Config{CircuitBreakerThreshold: 3, RecoveryTimeout: time.Second}, nil},
		{"all negative", wrapper.Config{
			MaxConcurrency: -1, Timeout: -1, AttemptTimeout: -1, RateLimit: -1, Burst: -1, RetryAttempts: -1,
			RetryDelay: -1, MaxRetryDelay: -1, CircuitBreakerThreshold: -1, RecoveryTimeout: -1,
		}, []string{
			"MaxConcurrency", "Timeout", "AttemptTimeout", "RateLimit", "Burst", "RetryAttempts", "RetryDelay",
			"MaxRetryDelay", "CircuitBreakerThreshold", "RecoveryTimeout",
		}},
		{"beyond what the parts can count", wrapper.Config{
			MaxConcurrency: math.MaxInt, RateLimit: 1, Burst: math.MaxInt, RetryAttempts: math.MaxInt,
			EnableCircuitBreaker: true, CircuitBreakerThreshold: math.MaxInt,
		}, []string{"MaxConcurrency", "Burst", "CircuitBreakerThreshold"}},
		{"as much as the parts can count", wrapper.Config{
			MaxConcurrency: min(semaphore.MaxLimit, math.MaxInt), RateLimit: 1, Burst: min(ratelimit.MaxBurst, math.MaxInt), RetryAttempts: math.MaxInt,
			EnableCircuitBreaker: true, CircuitBreakerThreshold: math.MaxInt32,
			RetryDelay: math.MaxInt64, MaxRetryDelay: math.MaxInt64, Timeout: math.MaxInt64, RecoveryTimeout: math.MaxInt64,
		}, nil},
		{"not a number", wrapper.Config{RateLimit: math.NaN()}, []string{"RateLimit"}},
		{"infinite rate", wrapper.Config{RateLimit: math.Inf(1)}, []string{"RateLimit"}},
		{"vanishing rate", wrapper.Config{RateLimit: 1e-12}, []string{"RateLimit"}},
		{"breaker without a threshold", wrapper.Config{EnableCircuitBreaker: true}, []string{"CircuitBreakerThreshold"}},
		{"attempts longer than the whole", wrapper.Config{Timeout: 1, AttemptTimeout: 2}, []string{"AttemptTimeout"}},
		{"largest delay below the first", wrapper.Config{RetryAttempts: 1, RetryDelay: 2, MaxRetryDelay: 1}, []string{"MaxRetryDelay"}},
		{"nothing to grow from", wrapper.Config{RetryAttempts: 1, MaxRetryDelay: 1}, []string{"MaxRetryDelay"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := wrapper.New(tt.config)
			if tt.fields == nil {
				require.NoError(t, err)
				assert.NoError(t, tt.config.Validate())
				assert.Equal(t, tt.config, w.Config())
				return
			}
			assert.Nil(t, w)
			var wrong *wrapper.ConfigError
			require.ErrorAs(t, err, &wrong)
			var fields []string
			for _, f := range wrong.Fields {
				fields = append(fields, f.Field)
				assert.Contains(t, err.Error(), f.Error())
			}
			assert.Equal(t, tt.fields, fields)
			var first wrapper.FieldError
			assert.ErrorAs(t, err, &first)
		})
	}
}

func TestConfigErrorNamesValueAndFix(t *testing.T) {
	_, err := wrapper.New(wrapper.Config{Timeout: -time.Second, EnableCircuitBreaker: true})
	assert.EqualError(t, err, "wrapper: wrong config: Timeout must not be negative, got -1s; "+
		"CircuitBreakerThreshold must be at least 1 when the breaker is enabled, got 0")
	_, err = wrapper.New(wrapper.Config{RetryDelay: time.Second, Burst: 5})
	assert.EqualError(t, err, "wrapper: wrong config: Burst has no effect without RateLimit: set that too, or leave this out, got 5; "+
		"RetryDelay has no effect without RetryAttempts: set that too, or leave this out, got 1s")
}

func TestBatchErrorShowsTheFirstFewAndMatchesAll(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	tests := []struct {
		name string
		err  *wrapper.BatchError
		want string
	}{
		{"one", &wrapper.BatchError{Failures: []wrapper.Failure{{3, a}}, Total: 9}, "wrapper: 1 of 9 items failed: item 3: a"},
		{"more", &wrapper.BatchError{Failures: []wrapper.Failure{{0, a}, {1, b}, {2, a}, {3, a}}, Total: 7, Dropped: 2},
			"wrapper: 6 of 7 items failed: item 0: a; item 1: b; item 2: a; and 3 more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.EqualError(t, tt.err, tt.want)
			assert.ErrorIs(t, tt.err, a)
		})
	}
}
