package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/retry"
)

func Example() {
	policy := retry.New(
		retry.MaxRetries(3), // 4 attempts in all
		retry.Backoff(retry.FullJitter(retry.Exponential(time.Millisecond, 10*time.Millisecond))),
	)
	err := policy.Do(context.Background(), func(ctx context.Context) error {
		n := retry.Attempt(ctx)
		fmt.Println("attempt", n)
		if n < 3 {
			return errors.New("connection reset")
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
	// <nil>
}

func ExampleDo() {
	policy := retry.New(retry.Backoff(retry.Constant(time.Millisecond)))
	name, err := retry.Do(context.Background(), policy, func(ctx context.Context) (string, error) {
		if retry.Attempt(ctx) == 1 {
			return "", errors.New("try again")
		}
		return "Ada", nil
	})
	fmt.Println(name, err)
	// Output: Ada <nil>
}

func ExamplePermanent() {
	notFound := errors.New("no such user")
	err := retry.New().Do(context.Background(), func(context.Context) error {
		return retry.Permanent(notFound)
	})
	fmt.Println(err, errors.Is(err, notFound), errors.Is(err, retry.ErrExhausted))
	// Output: no such user true false
}

func ExampleExhaustedError() {
	policy := retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(time.Hour)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reset := errors.New("connection reset")

	// The pause of an hour cannot fit the deadline, so the call ends at once.
	err := policy.Do(ctx, func(context.Context) error { return reset })
	fmt.Println(err)
	fmt.Println(errors.Is(err, retry.ErrExhausted), errors.Is(err, context.DeadlineExceeded), errors.Is(err, reset))
	// Output:
	// retry: gave up after 1 attempt: retry: the pause would exceed the deadline: context deadline exceeded; last error: connection reset
	// true true true
}

func ExamplePolicy_Begin() {
	policy := retry.New(retry.Backoff(retry.Constant(time.Millisecond)))
	work := func(ctx context.Context) error {
		if retry.Attempt(ctx) < 3 {
			return errors.New("not yet")
		}
		return nil
	}

	call := policy.Begin(context.Background())
	defer call.End()
	for call.Err() == nil && call.Next(work(call.Context())) {
		fmt.Println("again")
	}
	fmt.Println(call.Err())
	// Output:
	// again
	// again
	// <nil>
}
