package wrapper

import (
	"context"
	"fmt"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// KeyedLayer is a policy with a part for each key: a breaker a host, a limiter a
// tenant. The Keyed types of the SDK are such.
type KeyedLayer[K comparable] interface {
	Do(ctx context.Context, key K, fn func(context.Context) error) error
}

// PerKey makes a layer of a policy with a part for each key. The key is that of
// the Override in the context of the call. A call without a key, or with one that
// is no K, gets ErrNoKey and does not run.
//
// The Keyed types of packages breaker, semaphore and ratelimit stand in the place
// of what they have for each key: a breaker is asked here and admits behind the
// gates that follow, and they cost no allocation. A token of a limiter for each key
// is not given back if the breaker then refuses. A [Keyed] costs no allocation where
// it is innermost; elsewhere it is like a layer of your own.
func PerKey[K comparable](k KeyedLayer[K]) Layer {
	if isNil(k) {
		panic(fmt.Sprintf("wrapper: PerKey needs a policy, got nil (%T)", k))
	}
	return perKey[K]{k}
}

type perKey[K comparable] struct{ policy KeyedLayer[K] }

func (l perKey[K]) Do(ctx context.Context, fn func(context.Context) error) error {
	needsFunction("PerKey", fn != nil)
	if o := override(ctx); o != nil {
		if key, ok := o.Key.(K); ok {
			return l.policy.Do(ctx, key, fn)
		}
	}
	return ErrNoKey
}

func (l perKey[K]) String() string { return fmt.Sprintf("PerKey(%T)", l.policy) }

// keyedPart is a PerKey layer, whatever its keys are.
type keyedPart interface {
	Layer
	part() any
}

// part returns a keyedGate, a keyedBreakers or a keyedWrappers, or nil for a policy
// of another type.
func (l perKey[K]) part() any {
	switch k := any(l.policy).(type) {
	case *breaker.Keyed[K]:
		return breakersOf[K]{k}
	case *semaphore.Keyed[K]:
		return semaphoresOf[K]{k}
	case *ratelimit.Keyed[K]:
		return limitersOf[K]{k}
	case *Keyed[K]:
		return wrappersOf[K]{k}
	}
	return nil
}

// keyOf returns the key in the context of a call, nil if there is none.
func keyOf(ctx context.Context) any {
	if o := override(ctx); o != nil {
		return o.Key
	}
	return nil
}

type breakersOf[K comparable] struct{ keyed *breaker.Keyed[K] }

func (b breakersOf[K]) breaker(key any) (*breaker.Breaker, error) {
	if key, ok := key.(K); ok {
		return b.keyed.Breaker(key), nil
	}
	return nil, ErrNoKey
}

type semaphoresOf[K comparable] struct{ keyed *semaphore.Keyed[K] }

func (s semaphoresOf[K]) enter(ctx context.Context, key any, priority int) error {
	k, ok := key.(K)
	switch {
	case !ok:
		return ErrNoKey
	case priority != 0:
		return s.keyed.AcquirePriority(ctx, k, 1, priority)
	}
	return s.keyed.Acquire(ctx, k, 1)
}

func (s semaphoresOf[K]) leave(key any) {
	if key, ok := key.(K); ok {
		s.keyed.Release(key, 1)
	}
}

type limitersOf[K comparable] struct{ keyed *ratelimit.Keyed[K] }

func (l limitersOf[K]) enter(ctx context.Context, key any, _ int) error {
	if key, ok := key.(K); ok {
		return l.keyed.Wait(ctx, key)
	}
	return ErrNoKey
}

func (limitersOf[K]) leave(any) {}

func (limitersOf[K]) limits() {}

type wrappersOf[K comparable] struct{ keyed *Keyed[K] }

func (w wrappersOf[K]) enter(ctx context.Context, key any) (*frame, any, error) {
	k, ok := key.(K)
	if !ok {
		return nil, nil, ErrNoKey
	}
	e, err := w.keyed.enter(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	return e.w.first, e, nil
}

func (w wrappersOf[K]) leave(entry any) {
	if e, ok := entry.(*keyedEntry[K]); ok {
		w.keyed.leave(e)
	}
}
