package ratelimit

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// Keyed is one limiter for each key: for each user, address or tenant. Make it
// with [NewKeyed]; it must not be copied, and it is safe for concurrent use.
//
// A key costs no object: its state is one number beside it in a flat table, split
// into parts with a lock each. A key whose bucket is full is the same as one that
// never came, so its place is reused, and nothing is ever dropped that still
// limits. There is no goroutine.
//
// At most [MaxKeys] keys are kept. While that many are limited at once, all others
// share one bucket of the same rate: a flood of new keys neither frees a limited
// one nor gets more through than one key would.
//
// Memory: for a key of type K, sizeof(K) + 9 bytes (strings: 25) in 8/7 to 7/5 as
// many places as there were keys that are limited at the same time, and what a
// key points to. A key that callers wait for costs a [Limiter] while they do.
type Keyed[K comparable] struct {
	seed  maphash.Seed
	clock mono.Clock
	cfg   keyedConfig
	limit func(K) (Rate, int) // nil without PerKey

	shards []shard[K]
	shift  int          // a hash shifted right by it is the number of its shard
	used   atomic.Int64 // places in use in all shards
	swept  atomic.Int64 // counts the shards that were swept for want of places
	shared atomic.Int64 // counts requests that went to rest

	rest *Limiter // what keys share for which there is no place
	plan plan
}

// KeyedOption changes how a Keyed works. Each [Option] is one, and is meant for
// each key: MaxWaiters, for example, bounds those who wait for one key.
type KeyedOption interface{ applyKeyed(*keyedConfig) }

type keyedFunc func(*keyedConfig)

func (f keyedFunc) applyKeyed(c *keyedConfig) { f(c) }

type keyedConfig struct {
	maxKeys int
	perKey  any
	limiter []Option
	single  config // of limiter
}

// MaxKeys bounds how many keys are kept; by default 2^20. When all of them are
// limited at the same time, keys beyond them share one bucket, of the rate and
// burst of NewKeyed. Nobody's limit is ever reset to make room.
func MaxKeys(n int) KeyedOption {
	if n < 1 {
		panic(fmt.Sprintf("ratelimit: MaxKeys must be at least 1, got %d", n))
	}
	return keyedFunc(func(c *keyedConfig) { c.maxKeys = n })
}

// PerKey gives keys their own rate and burst. It is called at each request for a
// key, outside every lock, and must be fast; when it returns another limit for a
// key than before, the key's tokens stay, as with SetRate. It panics if f is nil,
// and NewKeyed panics if K is another type than that of its keys. At most 65,535
// different limits can be in use.
func PerKey[K comparable](f func(key K) (Rate, int)) KeyedOption {
	if f == nil {
		panic("ratelimit: PerKey must not be nil")
	}
	return keyedFunc(func(c *keyedConfig) { c.perKey = f })
}

// NewKeyed returns a limiter for each key. It panics if burst is not between 1
// and [MaxBurst].
func NewKeyed[K comparable](r Rate, burst int, opts ...KeyedOption) *Keyed[K] {
	checkBurst(burst)
	cfg := keyedConfig{maxKeys: 1 << 20}
	for _, o := range opts {
		o.applyKeyed(&cfg)
	}
	cfg.single = newConfig(cfg.limiter)
	if cfg.single.ramp != nil || cfg.single.initial >= 0 || cfg.single.counted {
		panic("ratelimit: WarmUp, InitialTokens and Counted are for a single limiter, not for NewKeyed")
	}
	k := &Keyed[K]{seed: maphash.MakeSeed(), clock: mono.New(), cfg: cfg, rest: New(r, burst, cfg.limiter...)}
	if cfg.perKey != nil {
		f, ok := cfg.perKey.(func(K) (Rate, int))
		if !ok {
			panic(fmt.Sprintf("ratelimit: PerKey must be for the keys of NewKeyed, got a %T", cfg.perKey))
		}
		k.limit = f
	}
	// A shard of a few thousand keys is rehashed in microseconds, and 256 locks keep
	// many cores apart.
	n := min(1<<bits.Len(uint(cfg.maxKeys)/4096), 256)
	k.shards = make([]shard[K], n)
	k.shift = 64 - bits.TrailingZeros(uint(n))
	k.plan.add(limit{r, burst})
	return k
}

// Allow is [Limiter.Allow] for key.
func (k *Keyed[K]) Allow(key K) bool { return k.AllowN(key, 1) }

// AllowN is [Limiter.AllowN] for key.
func (k *Keyed[K]) AllowN(key K, n int) bool {
	checkN(n)
	g, l := k.decide(key, int64(n))
	l.tell(g, int64(n))
	return g.ok
}

// Take is [Limiter.Take] for key.
func (k *Keyed[K]) Take(key K, n int) Decision {
	checkN(n)
	g, l := k.decide(key, int64(n))
	l.tell(g, int64(n))
	return l.decision(g, int64(n))
}

// Wait is [Limiter.Wait] for key. Those who wait for one key are served in order.
func (k *Keyed[K]) Wait(ctx context.Context, key K) error { return k.WaitN(ctx, key, 1) }

// WaitN is [Limiter.WaitN] for key.
func (k *Keyed[K]) WaitN(ctx context.Context, key K, n int) error {
	checkN(n)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	g, l := k.decide(key, int64(n))
	if g.ok {
		return nil
	}
	if l == k.rest && g.c != nil {
		if wait, err := k.hopeless(ctx, g, int64(n)); err != nil {
			k.rest.settled(int64(n), wait, err)
			return err
		}
	}
	return k.wait(ctx, key, int64(n))
}

// Do waits for a token of key and runs fn on this goroutine; see [Limiter.Do].
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func(context.Context) error) error {
	if err := k.Wait(ctx, key); err != nil {
		return err
	}
	return fn(ctx)
}
