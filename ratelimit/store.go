package ratelimit

import "context"

// Store is a limit for each key that several processes can share: in Redis, in a
// database, behind a service. What rate and burst a key has is the store's business.
// Package ratelimit/storetest tests implementations.
type Store interface {
	// Take takes n tokens of key if they are there, all or none, and does not wait.
	// A denial is a decision, not an error; an error says that the store could not
	// be asked, and then it is not known whether tokens were taken. If ctx is done,
	// it returns its error and takes nothing. With n = 0 it tells the state.
	Take(ctx context.Context, key string, n int) (Decision, error)
}

// NewStore returns a Store in this process over k, for tests and for a single
// machine.
func NewStore(k *Keyed[string]) Store {
	if k == nil {
		panic("ratelimit: NewStore needs a Keyed, got nil")
	}
	return store{k}
}

type store struct{ k *Keyed[string] }

func (s store) Take(ctx context.Context, key string, n int) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	return s.k.Take(key, n), nil
}
