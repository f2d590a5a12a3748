package fanout

import (
	"context"
	"errors"
	"fmt"
)

// KeyError is the error of one entry of a map.
type KeyError[K comparable] struct {
	// Key is that of the entry.
	Key K
	// Err is what the callback returned.
	Err error
}

// Error names the key.
func (e *KeyError[K]) Error() string { return fmt.Sprintf("key %v: %v", e.Key, e.Err) }

// Unwrap returns Err.
func (e *KeyError[K]) Unwrap() error { return e.Err }

// MapValues calls f for every entry of items and returns the results by key. It
// stops, fails and panics as [Map] does, but a map has no order: the error is that
// of any entry that failed by itself. Its [ItemError] has the index -1 and wraps a
// *[KeyError]. The entries must not change meanwhile.
func MapValues[K comparable, T, R any](ctx context.Context, items map[K]T, f func(context.Context, K, T) (R, error), opts ...Option) (map[K]R, error) {
	cfg := function{"MapValues", onSlices}.configure(ctx, len(items), f != nil, opts)
	entries := make([]entry[K, T], 0, len(items))
	for k, v := range items {
		entries = append(entries, entry[K, T]{k, v})
	}
	out, err := results(ctx, cfg, entries, wrap(cfg, func(ctx context.Context, e entry[K, T]) (R, error) {
		return f(ctx, e.key, e.value)
	}))
	if err != nil {
		return nil, byKey(err, entries)
	}
	results := make(map[K]R, len(items))
	for i, e := range entries {
		results[e.key] = out[i]
	}
	return results, nil
}

type entry[K comparable, T any] struct {
	key   K
	value T
}

// byKey puts the key of its entry into each ItemError, in place of the index.
func byKey[K comparable, T any](err error, entries []entry[K, T]) error {
	name := func(e *ItemError) *ItemError {
		return &ItemError{-1, &KeyError[K]{entries[e.Index].key, e.Err}}
	}
	if item, ok := err.(*ItemError); ok { //nolint:errorlint // made by the run, never wrapped
		return name(item)
	}
	if batch, ok := errors.AsType[*BatchError](err); ok {
		for i, e := range batch.Failures {
			batch.Failures[i] = name(e)
		}
	}
	return err
}
