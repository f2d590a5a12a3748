package main

import (
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/wrapper"
)

// strategy is how the processes of the clients guard their calls.
type strategy struct {
	name  string
	color string
	guard func(timeout time.Duration) *wrapper.Wrapper // of one process
}

func strategies() []strategy {
	return []strategy{
		{"nothing", "#888888", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(wrapper.AttemptTimeout(d))
		}},
		{"naive retry", "#d62728", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(naive(), wrapper.AttemptTimeout(d))
		}},
		{"retry with budget", "#ff7f0e", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(careful(), wrapper.AttemptTimeout(d))
		}},
		{"breaker", "#1f77b4", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(naive(), protect(), wrapper.AttemptTimeout(d))
		}},
		{"breaker, ramp-up", "#9467bd", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(naive(), protect(breaker.RampUp(rampUp)), wrapper.AttemptTimeout(d))
		}},
		{"all of them", "#2ca02c", func(d time.Duration) *wrapper.Wrapper {
			return wrapper.Compose(careful(), protect(breaker.RampUp(rampUp)), wrapper.AttemptTimeout(d))
		}},
	}
}

const rampUp = 10 * time.Second

// naive is the loop that everybody has written once.
func naive() *retry.Policy {
	return retry.New(retry.MaxRetries(3), retry.Backoff(retry.Constant(100*time.Millisecond)))
}

// careful spreads its retries, and makes few of them.
func careful() *retry.Policy {
	return retry.New(retry.MaxRetries(3), retry.Spend(retry.NewBudget(0.1, 1)),
		retry.Backoff(retry.FullJitter(retry.Exponential(100*time.Millisecond, 2*time.Second))))
}

func protect(opts ...breaker.Option) *breaker.Breaker {
	return breaker.New(append([]breaker.Option{
		breaker.FailureRate(0.5, 20), breaker.Window(5 * time.Second),
		breaker.OpenFor(2 * time.Second), breaker.OpenGrowth(8 * time.Second), breaker.OpenJitter(0.5),
		breaker.HalfOpenProbes(3), breaker.ProbeLease(2 * time.Second),
	}, opts...)...)
}
