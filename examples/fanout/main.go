// Command fanout fetches pages from several mirrors: many items by a bounded
// number of workers, then several different calls at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/weirkit/weir/fanout"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

// size stands for a download.
func size(_ context.Context, page string) (int, error) {
	if page == "missing" {
		return 0, errors.New("no such page")
	}
	return len(page), nil
}

func run(ctx context.Context, w io.Writer) error {
	// Results are in the order of the input. For calls over a network say how
	// many may wait at once; the default fits work that computes.
	sizes, err := fanout.Map(ctx, []string{"home", "about", "contact"}, size, fanout.Workers(3))
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "sizes:", sizes)

	// The first error stops the rest and says which item it was.
	_, err = fanout.Map(ctx, []string{"home", "missing", "contact"}, size, fanout.Workers(3))
	if failed, ok := errors.AsType[*fanout.ItemError](err); ok {
		fmt.Fprintf(w, "item %d failed: %v\n", failed.Index, failed.Err)
	}

	// Or every item gets an outcome of its own.
	for i, r := range fanout.Settle(ctx, []string{"home", "missing"}, size) {
		fmt.Fprintf(w, "item %d: done=%t err=%v\n", i, r.State == fanout.Done, r.Err)
	}

	// Different calls at once, each result with its own type.
	name, visits, err := fanout.All2(ctx,
		func(context.Context) (string, error) { return "gopher", nil },
		func(context.Context) (int, error) { return 7, nil })
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s came %d times\n", name, visits)

	// The first success wins; the others are cancelled and awaited.
	quickest, err := fanout.First(ctx,
		func(context.Context) (string, error) { return "", errors.New("mirror 1 is down") },
		func(context.Context) (string, error) { return "mirror 2", nil })
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "answered by", quickest)
	return nil
}
