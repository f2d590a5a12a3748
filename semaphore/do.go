package semaphore

import "context"

// Do runs fn on this goroutine while holding one permit, and returns its error.
// Where the permit cannot be had, fn does not run and the error is that of
// [Semaphore.Acquire]. A panic or runtime.Goexit of fn passes through; the
// permit is back in every case.
func (s *Semaphore) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := s.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.Release(1)
	return fn(ctx)
}

// Do is [Semaphore.Do] for a function with a result. On an error that comes
// from s the result is the zero value and means nothing.
func Do[T any](ctx context.Context, s *Semaphore, fn func(context.Context) (T, error)) (T, error) {
	mustHave(fn != nil)
	if err := s.Acquire(ctx, 1); err != nil {
		var none T
		return none, err
	}
	defer s.Release(1)
	return fn(ctx)
}

func mustHave(fn bool) {
	if !fn {
		panic("semaphore: fn must not be nil")
	}
}
