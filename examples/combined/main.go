// Command combined puts the patterns together: a generator of pages, a pipeline
// that works on them in parallel, and one wrapper around each call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/pipeline"
	"github.com/weirkit/weir/wrapper"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "combined:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	service, err := wrapper.New(wrapper.Config{
		MaxConcurrency:          4,
		RateLimit:               2000,
		RetryAttempts:           5,
		RetryDelay:              time.Millisecond,
		Timeout:                 time.Second,
		EnableCircuitBreaker:    true,
		CircuitBreakerThreshold: 10,
	})
	if err != nil {
		return err
	}
	defer service.Close()

	// Pages come from a paged source; nothing is fetched before it is wanted.
	pages := generator.New(ctx, func(_ context.Context, yield func(int) bool) error {
		for page := 1; page <= 10 && yield(page); page++ {
		}
		return nil
	})
	defer pages.Close()

	// Every third call fails once; the retries of the wrapper hide it.
	var calls atomic.Int64
	fetch := func(_ context.Context, page int) (string, error) {
		if calls.Add(1)%3 == 0 {
			return "", errors.New("service unavailable")
		}
		return fmt.Sprintf("page-%02d", page), nil
	}
	titles := pipeline.Map(pipeline.New[int](), fetch,
		pipeline.Name("fetch"), pipeline.Workers(4), pipeline.Guard(service))

	for batch, err := range pipeline.Batch(titles, 5).Stream(ctx, pages.All()) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, batch)
	}
	fmt.Fprintln(w, "every page once, in order")
	return pages.Err()
}
