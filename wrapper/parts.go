package wrapper

// Option changes what New builds.
type Option interface{ apply(*Parts) }

// Parts is an option of New: parts of the caller's own in the place of those
// that New would make. They may be shared with others, as one limiter for a whole
// program, and they stay open when the wrapper is closed. Any layer may stand
// anywhere; a limiter or semaphore of another library is made one by Limiter or
// Semaphore, and one with a part for each key by PerKey. What is nil is built
// from the Config.
//
// The fields of the Config for a part that is replaced have no effect, and read
// as zero in Wrapper.Config.
type Parts struct {
	// Retry stands in for RetryAttempts, RetryDelay and MaxRetryDelay.
	Retry Layer
	// Breaker stands in for EnableCircuitBreaker, CircuitBreakerThreshold and
	// RecoveryTimeout. One of package breaker is used in two steps.
	Breaker Layer
	// Limiter stands in for RateLimit and Burst.
	Limiter Layer
	// Semaphore stands in for MaxConcurrency.
	Semaphore Layer
}

func (p Parts) apply(all *Parts) {
	for _, part := range []struct{ to, from *Layer }{
		{&all.Retry, &p.Retry}, {&all.Breaker, &p.Breaker}, {&all.Limiter, &p.Limiter}, {&all.Semaphore, &p.Semaphore},
	} {
		if *part.from != nil {
			*part.to = *part.from
		}
	}
}

// without returns c without what p replaces.
func (c Config) without(p Parts) Config {
	if p.Retry != nil {
		c.RetryAttempts, c.RetryDelay, c.MaxRetryDelay = 0, 0, 0
	}
	if p.Breaker != nil {
		c.EnableCircuitBreaker, c.CircuitBreakerThreshold, c.RecoveryTimeout = false, 0, 0
	}
	if p.Limiter != nil {
		c.RateLimit, c.Burst = 0, 0
	}
	if p.Semaphore != nil {
		c.MaxConcurrency = 0
	}
	return c
}
