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
	guard func(config) *wrapper.Wrapper // of one process
}

func strategies() []strategy {
	return []strategy{
		{"nothing", "#888888", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(wrapper.AttemptTimeout(c.timeout))
		}},
		{"naive retry", "#d62728", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(naive(), wrapper.AttemptTimeout(c.timeout))
		}},
		{"retry with budget", "#ff7f0e", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(careful(), wrapper.AttemptTimeout(c.timeout))
		}},
		{"breaker", "#1f77b4", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(naive(), protect(), wrapper.AttemptTimeout(c.timeout))
		}},
		{"breaker, ramp-up", "#9467bd", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(naive(), protect(breaker.RampUp(c.rampUp)), wrapper.AttemptTimeout(c.timeout))
		}},
		{"all of them", "#2ca02c", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(careful(), protect(breaker.RampUp(c.rampUp)), wrapper.AttemptTimeout(c.timeout))
		}},
	}
}

// orders are the same parts around each other in different ways, outermost
// first.
func orders() []strategy {
	return []strategy{
		{"retry > breaker > timeout", "#2ca02c", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(naive(), protect(), wrapper.AttemptTimeout(c.timeout))
		}},
		{"breaker > retry > timeout", "#1f77b4", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(protect(), naive(), wrapper.AttemptTimeout(c.timeout))
		}},
		{"timeout > retry > breaker", "#ff7f0e", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(wrapper.Timeout(c.timeout), naive(), protect())
		}},
		{"retry > retry > timeout", "#d62728", func(c config) *wrapper.Wrapper {
			return wrapper.Compose(naive(), naive(), wrapper.AttemptTimeout(c.timeout))
		}},
	}
}

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
