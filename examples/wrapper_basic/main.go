// Command wrapper_basic guards calls to a service with bounded concurrency, a
// rate limit and a timeout, for one call and for a whole slice.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirkit/weir/wrapper"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wrapper_basic:", err)
		os.Exit(1)
	}
}

// user stands for a call to a service.
func user(_ context.Context, id int) (string, error) {
	if id%4 == 0 {
		return "", errors.New("no such user")
	}
	return fmt.Sprintf("user-%d", id), nil
}

func run(ctx context.Context, w io.Writer) error {
	guarded, err := wrapper.New(wrapper.Config{
		MaxConcurrency: 3,
		RateLimit:      1000, // operations a second
		Timeout:        time.Second,
	})
	if err != nil {
		return err
	}
	defer guarded.Close()
	fmt.Fprintln(w, guarded)

	name, err := wrapper.Do(ctx, guarded, func(ctx context.Context) (string, error) { return user(ctx, 1) })
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "one call:", name)

	// Every item runs; each failure keeps its index.
	_, err = wrapper.Process(ctx, guarded, []int{1, 2, 3, 4, 5}, user)
	fmt.Fprintln(w, "a batch:", err)
	if batch, ok := errors.AsType[*wrapper.BatchError](err); ok {
		for _, f := range batch.Failures {
			fmt.Fprintf(w, "item %d failed: %v\n", f.Index, f.Err)
		}
	}
	names, err := wrapper.Process(ctx, guarded, []int{1, 2, 3}, user)
	fmt.Fprintln(w, "another batch:", names, err)
	return nil
}
