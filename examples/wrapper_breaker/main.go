// Command wrapper_breaker calls a service that goes down: after three failures
// the breaker answers by itself, and lets a probe through later.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/wrapper"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wrapper_breaker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	const recovery = 200 * time.Millisecond
	// The end of the recovery time is told by a timer, beside this goroutine.
	var mu sync.Mutex
	printf := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, format, args...)
	}
	db := breaker.New(breaker.ConsecutiveFailures(3), breaker.OpenFor(recovery),
		breaker.On(breaker.Events{StateChange: func(c breaker.StateChange) {
			printf("breaker: %v -> %v\n", c.From, c.To)
		}}))
	guarded := wrapper.Compose(wrapper.Timeout(time.Second), db)

	down, calls := true, 0
	query := func(context.Context) error {
		calls++
		if down {
			return errors.New("connection refused")
		}
		return nil
	}
	for n := 1; n <= 5; n++ {
		err := guarded.Do(ctx, query)
		printf("call %d: %v (never ran: %t)\n", n, err, wrapper.Rejected(err))
	}
	printf("calls that reached the service: %d\n", calls)

	down = false
	after := time.NewTimer(recovery + 20*time.Millisecond)
	defer after.Stop()
	<-after.C
	err := guarded.Do(ctx, query)
	printf("after the recovery time: %v, %v\n", err, db.State())
	return nil
}
