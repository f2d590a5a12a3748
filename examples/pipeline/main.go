// Command pipeline reads numbers out of messy lines: a fluent chain of stages
// of one type, then a stage that changes the type, with four workers.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/weirkit/weir/pipeline"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pipeline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	clean := pipeline.New[string]().
		Then(pipeline.Lift(strings.TrimSpace)).
		Filter(func(_ context.Context, s string) (bool, error) { return s != "", nil })

	// Four workers parse at the same time; results keep the order of the input.
	// What does not parse is skipped and reported, instead of ending the run.
	numbers := pipeline.Map(clean,
		func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) },
		pipeline.Name("parse"), pipeline.Workers(4),
		pipeline.OnError(func(*pipeline.StageError) pipeline.Action { return pipeline.Skip }))

	// One item, on this goroutine.
	one, err := numbers.Execute(ctx, " 42 ")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "one item:", one)

	// Many items.
	lines := slices.Values([]string{" 1", "", "two", "3 ", " 4", "5"})
	all, err := numbers.Collect(ctx, lines)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "all items:", all)

	// A stream: leaving the loop stops the run, and nothing goes on behind it.
	for batch, err := range pipeline.Batch(numbers, 2).Stream(ctx, lines) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, "first batch:", batch)
		break
	}
	return nil
}
