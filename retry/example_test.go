package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
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

// A server that asks for an hour is not asked again after half a minute, which
// is as long as the policy would wait: the call ends at once.
func ExampleAfter() {
	patient := retry.New(retry.If(func(err error) bool {
		asks, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err)
		return !ok || asks.RetryAfter() <= time.Minute
	}))
	begin := time.Now()
	err := patient.Do(context.Background(), func(context.Context) error {
		return retry.After(errors.New("closed for maintenance"), time.Hour)
	})
	fmt.Println(err, time.Since(begin) < time.Second)
	// Output: closed for maintenance true
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

func ExampleNewBudget() {
	// However many clients share the budget, retries add at most a tenth to the
	// load of a service that is down.
	policy := retry.New(
		retry.Backoff(retry.Constant(0)),
		retry.Spend(retry.NewBudget(0.1, 0)),
	)
	attempts := 0
	for range 100 {
		_ = policy.Do(context.Background(), func(context.Context) error {
			attempts++
			return errors.New("down")
		})
	}
	fmt.Println(attempts, "attempts for 100 calls")
	// Output: 110 attempts for 100 calls
}

func ExampleHedge() {
	policy := retry.New(retry.Hedge(10 * time.Millisecond))
	var runs atomic.Int32
	answer, err := retry.Do(context.Background(), policy, func(ctx context.Context) (string, error) {
		if runs.Add(1) == 1 {
			<-ctx.Done() // the first replica hangs, until the second has answered
			return "", ctx.Err()
		}
		return "from the second replica", nil
	})
	fmt.Println(answer, err)
	// Output: from the second replica <nil>
}

func ExampleFallback() {
	price, err := retry.Do(context.Background(), retry.New(retry.MaxRetries(0)),
		func(context.Context) (int, error) { return 0, errors.New("price service is down") },
		retry.Fallback(func(context.Context, error) (int, error) { return 99, nil }),
	)
	fmt.Println(price, err)
	// Output: 99 <nil>
}

func ExampleDiscard() {
	policy := retry.New(retry.Backoff(retry.Constant(0)))
	get := func(ctx context.Context) (io.ReadCloser, error) {
		body := io.NopCloser(strings.NewReader("body"))
		if retry.Attempt(ctx) == 1 {
			return body, errors.New("503 Service Unavailable")
		}
		return body, nil
	}
	body, err := retry.Do(context.Background(), policy, get, retry.Discard(func(body io.ReadCloser) {
		fmt.Println("closing the body of a failed attempt")
		_ = body.Close()
	}))
	text, _ := io.ReadAll(body)
	_ = body.Close()
	fmt.Println(string(text), err)
	// Output:
	// closing the body of a failed attempt
	// body <nil>
}

// Any type with NextBackOff is a backoff, as those of
// github.com/cenkalti/backoff: retry.BackoffFrom(backoff.NewExponentialBackOff).
func ExampleBackoffFrom() {
	policy := retry.New(retry.BackoffFrom(newFibonacci))
	_ = policy.Do(context.Background(), func(context.Context) error { return errors.New("down") })
	// Output:
	// 1ms
	// 1ms
	// 2ms
}

type fibonacci struct{ last, next time.Duration }

func newFibonacci() *fibonacci { return &fibonacci{0, time.Millisecond} }

func (f *fibonacci) NextBackOff() time.Duration {
	f.last, f.next = f.next, f.last+f.next
	fmt.Println(f.last)
	return f.last
}
