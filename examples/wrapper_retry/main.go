// Command wrapper_retry calls a service that fails twice before it answers, and
// one that says when to come back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/wrapper"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wrapper_retry:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	guarded, err := wrapper.New(wrapper.Config{
		RetryAttempts: 3, // retries after the first try: 4 attempts in all
		RetryDelay:    10 * time.Millisecond,
		Timeout:       5 * time.Second, // all attempts and pauses together
	})
	if err != nil {
		return err
	}
	defer guarded.Close()

	flaky := func(ctx context.Context) error {
		n := retry.Attempt(ctx)
		fmt.Fprintln(w, "attempt", n)
		if n < 3 {
			return errors.New("connection reset")
		}
		return nil
	}
	fmt.Fprintln(w, "flaky:", guarded.Do(ctx, flaky))

	// An error that no retry can mend ends the attempts at once.
	missing := errors.New("no such user")
	calls := 0
	err = guarded.Do(ctx, func(context.Context) error {
		calls++
		return retry.Permanent(missing)
	})
	fmt.Fprintln(w, "permanent:", errors.Is(err, missing), "after", calls, "call")

	// A server that names a delay gets it.
	start := time.Now()
	err = guarded.Do(ctx, func(ctx context.Context) error {
		if retry.Attempt(ctx) == 1 {
			return retry.After(errors.New("too many requests"), 100*time.Millisecond)
		}
		return nil
	})
	fmt.Fprintln(w, "busy:", err, "waited:", time.Since(start) >= 100*time.Millisecond)
	return nil
}
