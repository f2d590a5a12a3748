package wrapper

import (
	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// New returns a wrapper with the parts that config asks for, in the order that
// is right for most calls over a network:
//
//	total timeout > retry > breaker ready? > rate limit > semaphore > breaker acquire > attempt timeout > call
//
// The total timeout bounds everything. Each attempt pays for a token and holds a
// permit, and a pause between attempts holds none. An open breaker costs no token
// and no place in a queue, and waiting in our queues is not taken for slowness of
// what is called. One slow attempt does not eat the time of the others.
//
// If config is wrong, the error is a *ConfigError that lists every wrong field.
func New(config Config) (*Wrapper, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	w := Compose(config.layers()...)
	w.config = config
	return w, nil
}

// layers returns the parts that c asks for, in the standard order.
func (c Config) layers() []Layer {
	var layers []Layer
	if c.Timeout > 0 {
		layers = append(layers, Timeout(c.Timeout))
	}
	if c.RetryAttempts > 0 {
		layers = append(layers, c.retry())
	}
	if c.EnableCircuitBreaker {
		opts := []breaker.Option{breaker.ConsecutiveFailures(c.CircuitBreakerThreshold)}
		if c.RecoveryTimeout > 0 {
			opts = append(opts, breaker.OpenFor(c.RecoveryTimeout))
		}
		layers = append(layers, breaker.New(opts...))
	}
	if c.RateLimit > 0 {
		layers = append(layers, ratelimit.New(ratelimit.PerSecond(c.RateLimit), max(c.Burst, 1)))
	}
	if c.MaxConcurrency > 0 {
		layers = append(layers, semaphore.New(int64(c.MaxConcurrency)))
	}
	if c.AttemptTimeout > 0 {
		layers = append(layers, AttemptTimeout(c.AttemptTimeout))
	}
	return layers
}

// retry returns the policy that c asks for.
func (c Config) retry() *retry.Policy {
	n := retry.MaxRetries(c.RetryAttempts)
	if c.MaxRetryDelay == 0 {
		return retry.New(n, retry.Backoff(retry.Constant(c.RetryDelay)))
	}
	growing := retry.Exponential(c.RetryDelay, c.MaxRetryDelay)
	return retry.New(n, retry.Backoff(retry.FullJitter(growing)), retry.MaxDelay(c.MaxRetryDelay))
}
