// Command ratelimit shows a token bucket: a burst at once, then a steady pace,
// and a decision that says when to come back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratelimit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	// 10 operations a second, 3 at once after a pause.
	limiter := ratelimit.New(ratelimit.PerSecond(10), 3)

	start := time.Now()
	for i := range 5 {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		fmt.Fprintf(w, "call %d after %v\n", i+1, time.Since(start).Round(50*time.Millisecond))
	}

	// Not waiting: a decision says whether, and if not, when.
	decision := limiter.Take(1)
	fmt.Fprintf(w, "another one now? %t; try again in %v\n", decision.OK, decision.RetryAfter.Round(50*time.Millisecond))

	// A deadline that cannot be met fails at once and takes nothing.
	hurried, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	err := limiter.Wait(hurried)
	fmt.Fprintln(w, "in a hurry:", errors.Is(err, ratelimit.ErrWouldExceedDeadline))
	return nil
}
