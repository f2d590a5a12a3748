package wrapper

import (
	"context"
	"fmt"
)

// KeyedLayer is a policy with a part for each key: a breaker a host, a limiter a
// tenant. The Keyed types of the SDK are such.
type KeyedLayer[K comparable] interface {
	Do(ctx context.Context, key K, fn func(context.Context) error) error
}

// PerKey makes a layer of a policy with a part for each key. The key is that of
// the Override in the context of the call. A call without a key, or with one that
// is no K, gets ErrNoKey and does not run.
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
