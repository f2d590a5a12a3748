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
// Fields of a part that Parts replaces are not looked at.
func New(config Config, opts ...Option) (*Wrapper, error) {
	checkOptions("New", opts)
	var parts Parts
	for _, o := range opts {
		o.apply(&parts)
	}
	config = config.without(parts)
	if err := config.Validate(); err != nil {
		return nil, err
	}
	w := Compose(config.layers(parts)...)
	w.config = config
	return w, nil
}

// layers returns the parts that c asks for and those of p, in the standard
// order.
func (c Config) layers(p Parts) []Layer {
	if c.RetryAttempts > 0 {
		p.Retry = c.retry()
	}
	if c.EnableCircuitBreaker {
		p.Breaker = c.breaker()
	}
	if c.RateLimit > 0 {
		p.Limiter = ratelimit.New(ratelimit.PerSecond(c.RateLimit), max(c.Burst, 1))
	}
	if c.MaxConcurrency > 0 {
		p.Semaphore = semaphore.New(int64(c.MaxConcurrency))
	}
	var layers []Layer
	if c.Timeout > 0 {
		layers = append(layers, Timeout(c.Timeout))
	}
	for _, part := range []Layer{p.Retry, p.Breaker, p.Limiter, p.Semaphore} {
		if part != nil {
			layers = append(layers, part)
		}
	}
	if c.AttemptTimeout > 0 {
		layers = append(layers, AttemptTimeout(c.AttemptTimeout))
	}
	return layers
}

func (c Config) retry() *retry.Policy {
	n := retry.MaxRetries(c.RetryAttempts)
	if c.MaxRetryDelay == 0 {
		return retry.New(n, retry.Backoff(retry.Constant(c.RetryDelay)))
	}
	growing := retry.Exponential(c.RetryDelay, c.MaxRetryDelay)
	return retry.New(n, retry.Backoff(retry.FullJitter(growing)), retry.MaxDelay(c.MaxRetryDelay))
}

func (c Config) breaker() *breaker.Breaker {
	opts := []breaker.Option{breaker.ConsecutiveFailures(c.CircuitBreakerThreshold)}
	if c.RecoveryTimeout > 0 {
		opts = append(opts, breaker.OpenFor(c.RecoveryTimeout))
	}
	return breaker.New(opts...)
}
