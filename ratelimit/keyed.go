package ratelimit

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/mono"
)

// Keyed is one limiter for each key: for each user, address or tenant. Make it
// with [NewKeyed]; it must not be copied, and it is safe for concurrent use.
//
// A key costs no object: its state is one number beside it in a flat table, split
// into parts with a lock each, for new keys alone. A request for a key that is there
// takes no lock, and a denial writes nothing. A key whose bucket is full is the same
// as one that never came: it is left out when its part of the table is copied, to grow
// or to make room, and nothing is ever dropped that still limits. There is no
// goroutine.
//
// At most [MaxKeys] keys are kept. While that many are limited at once, all others
// share one bucket of the same rate: a flood of new keys neither frees a limited
// one nor gets more through than one key would. A key that is not equal to itself,
// such as NaN, uses that bucket, too.
//
// Memory: for a key of type K, sizeof(K) + 9 bytes (strings: 25) in 8/7 to 7/5 as
// many places as keys were limited, or came within a second, at the same time, and
// what a key points to. With [PerKey] a place takes 8 bytes more, and each limit that
// some key has 200. A key that callers wait for costs a [Limiter] while they do.
// The command memory of the module bench prints what keys cost here and elsewhere.
type Keyed[K comparable] struct {
	seed   maphash.Seed
	clock  mono.Clock
	tables []atomic.Pointer[table[K]] // the one of each shard
	shift  int                        // a hash shifted right by it is the number of its shard
	shards []shard[K]
	cfg    keyedConfig
	limit  func(K) (Rate, int) // nil without PerKey
	rest   *Limiter            // what keys share for which there is no place
	plan   plan

	setting sync.Mutex
	base    *cell // the limit of all keys without PerKey; guarded by setting

	_       [64]byte     // what every call reads stays off the lines that new keys write
	used    atomic.Int64 // places in use in all shards
	soonest atomic.Int64 // no place is idle before this reading of the clock
	next    atomic.Int64 // what soonest will be after the sweep that is under way
	shared  atomic.Int64 // counts requests that went to rest

	sweeping sync.Mutex
	swept    int // the shard that was looked at last; guarded by sweeping
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
// key than before, the key's tokens stay, as with SetRate, and a full bucket stays
// full. Requests then take the lock of their part of the table. It panics if f is nil,
// and NewKeyed panics if K is another type than that of its keys.
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
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("ratelimit: the options of NewKeyed must not be nil, number %d is", i))
		}
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
	if cfg.single.debt {
		k.plan.room = maxRoom // a place has no other cell to go to when a debt grows
	}
	k.base = newCell(r, int64(burst), k.plan.room, 0)
	if k.limit == nil {
		k.base.quicken(0)
	}
	k.soonest.Store(never)
	// A shard of a few thousand keys is copied in microseconds, and 256 locks keep
	// many cores apart.
	n := min(1<<bits.Len(uint(cfg.maxKeys)/4096), 256)
	k.shift = 64 - bits.TrailingZeros(uint(n))
	k.newTables(n, k.base)
	return k
}

// Allow is [Limiter.Allow] for key.
func (k *Keyed[K]) Allow(key K) bool {
	// The clock comes first: reading it waits for all that went before and not for
	// what follows, so that it costs little beside the way to the key and its bucket.
	// A reading that got old is good for a grant: it is a moment of this call. It is
	// not good for a denial; see grantNow.
	reading := k.clock.Now()
	hash := k.hash(key)
	t := k.tables[k.index(hash)].Load()
	if p, _ := t.find(key, hash, k.shift); p != nil {
		c := t.c
		if rel := reading - t.origin; uint64(rel) < c.fast { // #nosec G115 -- a negative one is large
			now, tat := rel>>(c.shr&63)*c.mul, p.tat.Load()
			if next := max(tat, now) + c.inc; next-now <= c.tol && p.tat.CompareAndSwap(tat, next) {
				return true
			}
		}
	}
	g, l := k.decide(key, hash, 1)
	l.tell(g, 1)
	return g.ok
}

// AllowN is [Limiter.AllowN] for key.
func (k *Keyed[K]) AllowN(key K, n int) bool {
	checkN(n)
	g, l := k.decide(key, k.hash(key), int64(n))
	l.tell(g, int64(n))
	return g.ok
}

// Take is [Limiter.Take] for key.
func (k *Keyed[K]) Take(key K, n int) Decision {
	checkN(n)
	g, l := k.decide(key, k.hash(key), int64(n))
	return l.taken(g, int64(n))
}

// Wait is [Limiter.Wait] for key. Those who wait for one key are served in order.
func (k *Keyed[K]) Wait(ctx context.Context, key K) error { return k.WaitN(ctx, key, 1) }

// WaitN is [Limiter.WaitN] for key.
func (k *Keyed[K]) WaitN(ctx context.Context, key K, n int) error {
	checkN(n)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	hash := k.hash(key)
	g, l := k.decide(key, hash, int64(n))
	if g.ok {
		return nil
	}
	if l == k.rest {
		if wait, err := k.hopeless(ctx, g, int64(n)); err != nil {
			k.rest.settled(int64(n), wait, err)
			return err
		}
	}
	return k.wait(ctx, key, hash, int64(n))
}

// Do waits for a token of key and runs fn on this goroutine; see [Limiter.Do]. It
// panics if fn is nil.
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := k.Wait(ctx, key); err != nil {
		return err
	}
	return fn(ctx)
}
