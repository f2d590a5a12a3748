package breaker

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// KeyedOption changes how a [Keyed] works. Every [Option] is one, too.
type KeyedOption interface{ applyKeyed(*keyedConfig) }

type keyedFunc func(*keyedConfig)

func (f keyedFunc) applyKeyed(k *keyedConfig) { f(k) }

type keyedConfig struct {
	breaker []Option
	maxKeys int
	idle    time.Duration
	share   uint64 // millionths; 0: no cap
}

func newKeyedConfig(opts []KeyedOption) keyedConfig {
	k := keyedConfig{maxKeys: 10_000, idle: 10 * time.Minute}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("breaker: an option must not be nil, number %d is; leave it out", i))
		}
		o.applyKeyed(&k)
	}
	return k
}

// MaxKeys bounds how many keys have a breaker of their own; 10,000 by default.
func MaxKeys(n int) KeyedOption {
	between("MaxKeys", n, 1, math.MaxInt32)
	return keyedFunc(func(k *keyedConfig) { k.maxKeys = n })
}

// IdleAfter sets after which time without use a key may be forgotten; 10
// minutes by default. It is forgotten within twice that time. It is at least a
// second, because each time all keys are looked at.
func IdleAfter(d time.Duration) KeyedOption {
	atLeast("IdleAfter", d, time.Second)
	return keyedFunc(func(k *keyedConfig) { k.idle = d })
}

// MaxOpenShare bounds the share of the keys whose breakers the rules may open
// at once, above 0 and at most 1: if all hosts fail, the fault may be here, and
// to call none of them helps nobody. One may always open. A rule that is met
// beyond the bound leaves its breaker closed until there is room, and is
// counted in Stats.Suppressed. ForceOpen is not bound by it.
func MaxOpenShare(ratio float64) KeyedOption {
	m := millionths("MaxOpenShare", ratio)
	return keyedFunc(func(k *keyedConfig) { k.share = m })
}

// quota counts the breakers of a Keyed that are not closed, and bounds them.
type quota struct {
	share uint64
	keys  *atomic.Int64
	open  atomic.Int64
}

// reserve charges for one more, if the share allows it.
func (q *quota) reserve() bool {
	if q.share == 0 {
		q.open.Add(1)
		return true
	}
	for {
		n := q.open.Load()
		most := max(q.keys.Load()*int64(q.share)/million, 1) // #nosec G115 -- at most a million
		if n >= most {
			return false
		}
		if q.open.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
