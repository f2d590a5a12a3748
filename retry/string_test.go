package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

func TestStringNamesTheSettings(t *testing.T) {
	tests := []struct {
		want string
		opts []retry.Option
	}{
		{"Retry(3, backoff at most 2s)", nil},
		{"Retry(0)", []retry.Option{retry.MaxRetries(0)}},
		{"Retry(5, no backoff)", []retry.Option{retry.MaxRetries(5), retry.Backoff(retry.Constant(0))}},
		{"Retry(3, backoff at most 10ms)", []retry.Option{retry.Backoff(retry.Constant(10 * time.Millisecond))}}, // which is each of them
		{"Retry(any number, backoff at most 2s)", []retry.Option{
			retry.MaxRetries(math.MaxInt), retry.Backoff(retry.Exponential(time.Second, 2*time.Second))}},
		{"Retry(3, pauses up to 10s)", []retry.Option{retry.MaxDelay(10 * time.Second)}},
		{"Retry(3, backoff of a sequence)", []retry.Option{retry.BackoffFrom(func() sequence { return nil })}},
		{"Retry(3, pauses up to 1s)", []retry.Option{retry.BackoffFrom(func() sequence { return nil }), retry.MaxDelay(time.Second)}},
		{"Retry(3, backoff at most 2s, within 1m0s, attempt timeout 1s, budget 12.5% of the calls and 2/s, hedge after 50ms)", []retry.Option{
			retry.MaxElapsed(time.Minute), retry.AttemptTimeout(time.Second), retry.Spend(retry.NewBudget(0.125, 2)), retry.Hedge(50 * time.Millisecond)}},
		{"Hedge(after 50ms)", []retry.Option{retry.MaxRetries(0), retry.Hedge(50 * time.Millisecond)}},
		{"Hedge(after the 95% quantile, at first 50ms, budget 10% of the calls and 0/s)", []retry.Option{
			retry.MaxRetries(0), retry.HedgeQuantile(0.95, 50*time.Millisecond), retry.Spend(retry.NewBudget(0.1, 0))}},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			p := retry.New(tt.opts...)
			assert.Equal(t, tt.want, p.String())
			assert.Equal(t, tt.want, p.String(), "it is the same at each call")
		})
	}
}

// sequence is a backoff that remembers where it is.
type sequence []time.Duration

func (s sequence) NextBackOff() time.Duration { return s[0] }

func TestABudgetNamesItsSettings(t *testing.T) {
	assert.Equal(t, "29% of the calls and 1/s", retry.NewBudget(0.29, 1).String())
}
