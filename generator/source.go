package generator

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
)

// From returns a generator of the values of seq.
func From[T any](ctx context.Context, seq iter.Seq[T], opts ...Option) *Generator[T] {
	mustHave(seq != nil, "seq")
	return New(ctx, func(_ context.Context, yield func(T) bool) error {
		seq(yield)
		return nil
	}, opts...)
}

// FromSeq2 returns a generator of the values of seq up to the first error, which
// comes out of Err. The value beside an error is dropped.
func FromSeq2[T any](ctx context.Context, seq iter.Seq2[T, error], opts ...Option) *Generator[T] {
	mustHave(seq != nil, "seq")
	return New(ctx, func(_ context.Context, yield func(T) bool) error {
		for v, err := range seq {
			if err != nil {
				return err
			}
			if !yield(v) {
				break
			}
		}
		return nil
	}, opts...)
}

// FromChan returns a generator of what is received from values until that is
// closed. When the generator ends earlier, the channel is left as it is, but for a
// value that was received and not handed out: with [Buffer] up to that many, and
// without it one, if the context ends in that moment.
func FromChan[T any](ctx context.Context, values <-chan T, opts ...Option) *Generator[T] {
	if values == nil {
		panic("generator: channel must not be nil: nothing would ever come")
	}
	return New(ctx, func(ctx context.Context, yield func(T) bool) error {
		for {
			select { // with a value ready too, select would pick either
			case <-ctx.Done():
				return nil
			default:
			}
			select {
			case v, ok := <-values:
				if !ok || !yield(v) {
					return nil
				}
			case <-ctx.Done():
				return nil
			}
		}
	}, opts...)
}

// FromFunc returns a generator of what next returns until its error is [io.EOF]
// itself, which is the end, or another, which comes out of Err. The value beside
// an error is dropped. next must watch its context if it waits for something.
func FromFunc[T any](ctx context.Context, next func(context.Context) (T, error), opts ...Option) *Generator[T] {
	mustHave(next != nil, "next")
	return New(ctx, func(ctx context.Context, yield func(T) bool) error {
		for {
			switch v, err := next(ctx); {
			case err == io.EOF: //nolint:errorlint // a wrapped EOF is a failure: see io.EOF
				return nil
			case err != nil:
				return err
			case !yield(v):
				return nil
			}
		}
	}, opts...)
}

// Ticks returns a generator of the time, every period, the first after one period.
// The clock starts with the first pull. A consumer that is late misses ticks: they
// do not pile up, but for as many as [Buffer] holds. It panics if period is not
// positive.
func Ticks(ctx context.Context, period time.Duration, opts ...Option) *Generator[time.Time] {
	if period <= 0 {
		panic(fmt.Sprintf("generator: period must be positive, got %v", period))
	}
	return New(ctx, func(ctx context.Context, yield func(time.Time) bool) error {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				if !yield(now) {
					return nil
				}
			case <-ctx.Done():
				return nil
			}
		}
	}, opts...)
}
