package wrapper

import (
	"fmt"
	"time"
)

// KeyedOption changes how a Keyed works.
type KeyedOption interface{ apply(*keyedConfig) }

type keyedConfig struct {
	maxKeys   int
	idleAfter time.Duration
}

type keyedOption func(*keyedConfig)

func (f keyedOption) apply(c *keyedConfig) { f(c) }

func newKeyedConfig(opts []KeyedOption) keyedConfig {
	c := keyedConfig{maxKeys: 10_000, idleAfter: 10 * time.Minute}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

// MaxKeys bounds how many keys have a wrapper; 10,000 by default. It panics
// below 1.
func MaxKeys(n int) KeyedOption {
	if n < 1 {
		panic(fmt.Sprintf("wrapper: MaxKeys must be at least 1, got %d", n))
	}
	return keyedOption(func(c *keyedConfig) { c.maxKeys = n })
}

// IdleAfter sets how long the wrapper of a key is kept after its last call; 10
// minutes by default. Choose it longer than a bucket takes to fill and a breaker
// to recover. It panics if d is not above zero.
func IdleAfter(d time.Duration) KeyedOption {
	if d <= 0 {
		panic(fmt.Sprintf("wrapper: IdleAfter must be above zero, got %v", d))
	}
	return keyedOption(func(c *keyedConfig) { c.idleAfter = d })
}
