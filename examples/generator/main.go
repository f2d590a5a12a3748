// Command generator makes Fibonacci numbers on demand: nothing runs before the
// first number is asked for, and leaving the loop ends the producer.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/weirkit/weir/generator"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generator:", err)
		os.Exit(1)
	}
}

// fibonacci never ends by itself: yield says when nobody wants more.
func fibonacci(_ context.Context, yield func(int) bool) error {
	for a, b := 0, 1; yield(a); a, b = b, a+b {
	}
	return nil
}

func run(ctx context.Context, w io.Writer) error {
	fib := generator.New(ctx, fibonacci)
	defer fib.Close()

	first, _ := fib.Next()
	second, _ := fib.Next()
	fmt.Fprintln(w, "one by one:", first, second)

	ten, err := fib.CollectN(10)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "ten more:", ten)

	for n := range fib.All() {
		if n > 1000 {
			fmt.Fprintln(w, "the first above 1000:", n)
			break // ends the generator, and its producer with it
		}
	}
	_, more := fib.Next()
	fmt.Fprintln(w, "more after the break:", more)

	// Prefetched: a goroutine keeps up to 64 numbers ahead of the consumer.
	ahead := generator.New(ctx, fibonacci, generator.Buffer(64))
	defer ahead.Close()
	for batch := range ahead.Batches(5) {
		fmt.Fprintln(w, "a batch:", batch)
		break
	}
	return ahead.Err()
}
