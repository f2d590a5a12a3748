package breaker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
)

func TestStringNamesTheSettings(t *testing.T) {
	tests := []struct {
		want string
		opts []breaker.Option
	}{
		{"Breaker(10 in a row or 50% of 20+ in 10s, open 5s)", nil},
		{"Breaker(10 in a row or 50% of 10+ in 10 calls, open 5s)", []breaker.Option{breaker.CountWindow(10)}},
		{"Breaker(5 in a row, open 2s)", []breaker.Option{breaker.ConsecutiveFailures(5), breaker.OpenFor(2 * time.Second)}},
		{"Breaker(12.5% of 8+ in 30s, open 5s)", []breaker.Option{breaker.FailureRate(0.125, 8), breaker.Window(30 * time.Second)}},
		{"Breaker(7 in 100 calls, open 5s)", []breaker.Option{breaker.FailureCount(7), breaker.CountWindow(100)}},
		{"Breaker(80% of 20+ slower than 2s in 10s or 10 stuck for 5s, open 5s)", []breaker.Option{
			breaker.SlowCallRate(2*time.Second, 0.8, 20), breaker.StuckCalls(5*time.Second, 10)}},
		{"Breaker(10 in a row or 50% of 20+ in 10s, open 1s to 1m0s and up to 50% more, Retry-After to 2m0s, 4 probes, " +
			"closes at 75%, lease 3s, half-open 30s, ramp-up 10s)", []breaker.Option{
			breaker.OpenFor(time.Second), breaker.OpenGrowth(time.Minute), breaker.OpenJitter(0.5),
			breaker.HonorRetryAfter(2 * time.Minute), breaker.HalfOpenProbes(4), breaker.CloseRatio(0.75),
			breaker.ProbeLease(3 * time.Second), breaker.HalfOpenFor(30 * time.Second), breaker.RampUp(10 * time.Second)}},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			b := breaker.New(tt.opts...)
			assert.Equal(t, tt.want, b.String())
			b.ForceOpen(nil)
			assert.Equal(t, tt.want, b.String(), "the state is not a setting")
		})
	}
}

func TestStringFollowsSetRules(t *testing.T) {
	b := breaker.New(breaker.RampUp(time.Second))
	b.SetRules(breaker.FailureCount(3), breaker.Window(time.Minute))
	assert.Equal(t, "Breaker(3 in 1m0s, open 5s, ramp-up 1s)", b.String())
}

func TestStringTakesNoLock(t *testing.T) {
	b := breaker.New()
	breaker.WhileLocked(b, func() {
		assert.NotEmpty(t, b.String())
	})
}
