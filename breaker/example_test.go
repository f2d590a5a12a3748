package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/breaker"
)

func Example() {
	db := breaker.New(breaker.ConsecutiveFailures(3), breaker.OpenFor(5*time.Second))
	query := func(context.Context) error { return errors.New("connection refused") }
	for range 5 {
		err := db.Do(context.Background(), query)
		fmt.Println(db.State(), errors.Is(err, breaker.ErrOpen), err)
	}
	// Output:
	// closed false connection refused
	// closed false connection refused
	// open false connection refused
	// open true breaker: circuit open: connection refused
	// open true breaker: circuit open: connection refused
}

func ExampleDo() {
	b := breaker.New()
	name, err := breaker.Do(context.Background(), b, func(context.Context) (string, error) {
		return "gopher", nil
	})
	fmt.Println(name, err)
	// Output: gopher <nil>
}

func ExampleBreaker_Acquire() {
	b := breaker.New()
	permit, err := b.Acquire(context.Background())
	if err != nil {
		return // refused: nothing to report
	}
	err = errors.New("bad gateway") // of the call
	permit.Done(err)
	fmt.Println(b.Stats().WindowFailures)
	// Output: 1
}

func ExampleClassify() {
	notFound := errors.New("not found")
	b := breaker.New(
		breaker.ConsecutiveFailures(1),
		breaker.Classify(func(ctx context.Context, err error) breaker.Outcome {
			if errors.Is(err, notFound) {
				return breaker.Success // the server is well
			}
			return breaker.DefaultOutcome(ctx, err)
		}),
	)
	_ = b.Do(context.Background(), func(context.Context) error { return notFound })
	fmt.Println(b.State())
	// Output: closed
}

func ExampleOn() {
	b := breaker.New(
		breaker.ConsecutiveFailures(1),
		breaker.On(breaker.Events{StateChange: func(c breaker.StateChange) {
			fmt.Printf("%v -> %v: %v\n", c.From, c.To, c.Cause)
		}}),
	)
	_ = b.Do(context.Background(), func(context.Context) error { return errors.New("timeout") })
	b.Reset()
	// Output:
	// closed -> open: timeout
	// open -> closed: timeout
}

func ExampleKeyed() {
	hosts := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1))
	down := func(context.Context) error { return errors.New("down") }
	_ = hosts.Do(context.Background(), "a.example.com", down)
	fmt.Println(hosts.Breaker("a.example.com").State(), hosts.Breaker("b.example.com").State())
	// Output: open closed
}
