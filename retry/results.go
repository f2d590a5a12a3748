package retry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// ResultOption changes what [Do] does with results of type T.
type ResultOption[T any] interface{ applyResult(*results[T]) }

type resultOptionFunc[T any] func(*results[T])

func (f resultOptionFunc[T]) applyResult(r *results[T]) { f(r) }

// Fallback makes [Do] return what f returns where it would return an error: a
// cached value, a default. f gets the error, and the context of the call, which
// may be done. It is called once and not retried. If the context was done before
// the call began it is not called.
func Fallback[T any](f func(ctx context.Context, err error) (T, error)) ResultOption[T] {
	if f == nil {
		panic("retry: Fallback needs a function, got nil")
	}
	return resultOptionFunc[T](func(r *results[T]) { r.fallback = f })
}

// Discard makes [Do] call f with every result that it does not return, so that
// the body of a response can be closed: the result that came with an error, that
// of the slower of two runs that both succeeded, and that of a call which ended
// in a panic. A zero T is no result. f is called once for each, before the next
// attempt begins, on the goroutine that ran the work, and counts as a part of it.
func Discard[T any](f func(T)) ResultOption[T] {
	if f == nil {
		panic("retry: Discard needs a function, got nil")
	}
	return resultOptionFunc[T](func(r *results[T]) { r.discard = f })
}

// results is the results of one call. The first success is the one of the call:
// a policy makes no attempt after it, and of two runs at once it has won.
type results[T any] struct {
	fn       func(context.Context) (T, error)
	fallback func(context.Context, error) (T, error)
	discard  func(T)

	mu   sync.Mutex
	have bool // value is the result of the call
	// mu guards value and have: two runs of a hedged attempt write them.
	value T
}

func newResults[T any](fn func(context.Context) (T, error), opts []ResultOption[T]) *results[T] {
	mustHave(fn != nil)
	r := &results[T]{fn: fn}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("retry: an option must not be nil, number %d is; leave it out", i))
		}
		o.applyResult(r)
	}
	return r
}

func (r *results[T]) do(ctx context.Context, p *Policy) (T, error) {
	done := ctx.Err() != nil
	returned := false
	defer func() {
		if !returned && r.have { // a panic or a Goexit is passing, and nobody else runs
			r.drop(r.value)
		}
	}()
	err := p.Do(ctx, r.run)
	returned = true
	if err != nil && r.fallback != nil && !done {
		return r.fallback(ctx, err)
	}
	return result(r.value, err)
}

// errLost is what the slower of two runs returns to the policy, so that the
// faster one, whose result is kept, is the one that has won.
var errLost = errors.New("retry: the other run succeeded first")

// run is one run of fn.
func (r *results[T]) run(ctx context.Context) error {
	v, err := r.fn(ctx)
	if err == nil && !r.keep(v) {
		err = errLost
	}
	if err != nil {
		r.drop(v)
	}
	return err
}

// keep makes v the result of the call, unless it has one.
func (r *results[T]) keep(v T) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have {
		return false
	}
	r.value, r.have = v, true
	return true
}

func (r *results[T]) drop(v T) {
	// Only calls with Discard come to the reflection, and only for what is lost.
	if r.discard != nil && !reflect.ValueOf(&v).Elem().IsZero() {
		r.discard(v)
	}
}
