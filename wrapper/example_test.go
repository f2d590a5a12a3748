package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func ExampleNew() {
	w, err := wrapper.New(wrapper.Config{
		MaxConcurrency:          10,
		RateLimit:               50, // attempts a second
		RetryAttempts:           3,  // after the first try
		RetryDelay:              10 * time.Millisecond,
		Timeout:                 3 * time.Second, // all attempts together
		EnableCircuitBreaker:    true,
		CircuitBreakerThreshold: 5,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()

	fmt.Println(w)
	// Output: Timeout(3s) > Retry(3, backoff at most 10ms) > Breaker(5 in a row, open 5s) ready? > Limiter(50/s, burst 1) > Semaphore(10) > Breaker acquire > call
}

func ExampleNew_wrong() {
	_, err := wrapper.New(wrapper.Config{RateLimit: -1, EnableCircuitBreaker: true})
	if wrong, ok := errors.AsType[*wrapper.ConfigError](err); ok {
		for _, f := range wrong.Fields {
			fmt.Println(f)
		}
	}
	// Output:
	// RateLimit must be a number of operations a second, 0 for no limit, got -1
	// CircuitBreakerThreshold must be at least 1 when the breaker is enabled, got 0
}

func ExampleDo() {
	w := wrapper.Compose(
		wrapper.Timeout(time.Second),
		retry.New(retry.MaxRetries(3), retry.Backoff(retry.Constant(time.Millisecond))),
		semaphore.New(10),
	)
	tries := 0
	name, err := wrapper.Do(context.Background(), w, func(context.Context) (string, error) {
		if tries++; tries < 3 {
			return "", errors.New("busy")
		}
		return "Ada", nil
	})
	fmt.Println(name, err, "after", tries, "tries")
	// Output: Ada <nil> after 3 tries
}

func ExampleProcess() {
	w := wrapper.Compose(semaphore.New(2))
	_, err := wrapper.Process(context.Background(), w, []int{1, 0, 4, 0}, func(_ context.Context, n int) (int, error) {
		if n == 0 {
			return 0, errors.New("division by zero")
		}
		return 100 / n, nil
	})
	if batch, ok := errors.AsType[*wrapper.BatchError](err); ok {
		for _, f := range batch.Failures {
			fmt.Println("item", f.Index, "failed:", f.Err)
		}
	}
	// Output:
	// item 1 failed: division by zero
	// item 3 failed: division by zero
}

func ExampleSettle() {
	w := wrapper.Compose(semaphore.New(2))
	for _, r := range wrapper.Settle(context.Background(), w, []int{1, 0, 4}, func(_ context.Context, n int) (int, error) {
		if n == 0 {
			return 0, errors.New("division by zero")
		}
		return 100 / n, nil
	}) {
		fmt.Println(r.State, r.Value, r.Err)
	}
	// Output:
	// done 100 <nil>
	// failed 0 division by zero
	// done 25 <nil>
}

// Parts that belong to several wrappers, in an order of one's own.
func ExampleCompose() {
	database := breaker.New(breaker.ConsecutiveFailures(2))
	reads := wrapper.Compose(wrapper.Timeout(time.Second), retry.New(retry.MaxRetries(0)), database, semaphore.New(20))
	writes := wrapper.Compose(wrapper.Timeout(5*time.Second), database, ratelimit.New(ratelimit.PerSecond(100), 10))

	down := errors.New("connection refused")
	for range 2 {
		_ = writes.Do(context.Background(), func(context.Context) error { return down })
	}
	err := reads.Do(context.Background(), func(context.Context) error { return nil })
	fmt.Println(err, wrapper.Rejected(err))
	// Output: breaker: circuit open: connection refused true
}

func ExampleTimeout() {
	w := wrapper.Compose(wrapper.Timeout(time.Millisecond))
	err := w.Do(context.Background(), func(ctx context.Context) error {
		<-ctx.Done() // a query that takes too long
		return fmt.Errorf("query: %w", ctx.Err())
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, wrapper.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// wrapper: timed out after 1ms: query: context deadline exceeded
	// true true
}

// Middleware of one's own is a layer too.
func ExampleFunc() {
	logged := wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
		err := next(ctx)
		fmt.Println("attempt ended:", err)
		return err
	})
	w := wrapper.Compose(retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))), logged)
	_ = w.Do(context.Background(), func(context.Context) error { return errors.New("busy") })
	// Output:
	// attempt ended: busy
	// attempt ended: busy
}

func ExampleWrapper_Close() {
	w := wrapper.Compose(semaphore.New(1))
	_ = w.Close() // waits for the calls that run
	err := w.Do(context.Background(), func(context.Context) error { return nil })
	fmt.Println(err)
	// Output: wrapper: closed
}
