// Command semaphore guards a byte budget: at most 100 bytes are in memory at
// once, however many goroutines want some.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/semaphore"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "semaphore:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	budget := semaphore.New(100)

	var inUse, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			size := int64(10 + i) // each wants another weight
			permit, err := budget.Permit(ctx, size)
			if err != nil {
				return // ctx is done
			}
			defer permit.Release() // idempotent: releasing twice gives back once
			now := inUse.Add(size)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			inUse.Add(-size)
		})
	}
	wg.Wait()
	fmt.Fprintln(w, "never above the budget:", most.Load() <= budget.Limit())
	fmt.Fprintln(w, "held now:", budget.Held(), "available:", budget.Available())

	// A request that can never fit fails at once instead of waiting for ever.
	err := budget.Acquire(ctx, 101)
	fmt.Fprintln(w, "too large:", errors.Is(err, semaphore.ErrTooLarge))

	// The limit changes while the semaphore is in use.
	budget.SetLimit(200)
	fmt.Fprintln(w, "after SetLimit:", budget.Available())
	return nil
}
