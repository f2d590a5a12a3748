package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

type message struct {
	id   int
	body string
}

// handle is the work on one message.
func handle(ctx context.Context, m message) (int, error) {
	switch {
	case m.body == "":
		return m.id, retry.Permanent(errors.New("malformed"))
	case m.body == "flaky" && wrapper.Attempt(ctx) == 1:
		return m.id, errors.New("the database was busy")
	}
	return m.id, nil
}

// A worker that takes messages from a queue, as an iterator, with a bounded
// number of them at work. What fails for good goes to a dead letter queue.
func Example_queueWorker() {
	w := wrapper.Compose(
		wrapper.Timeout(time.Minute), // for a message, retries included
		retry.New(retry.MaxRetries(5), retry.Backoff(retry.Constant(time.Millisecond))),
		semaphore.New(8),
	)
	defer w.Close()
	queue := slices.Values([]message{{1, "a"}, {2, "flaky"}, {3, ""}, {4, "b"}})

	for id, err := range wrapper.Stream(context.Background(), w, queue, handle) {
		if err != nil {
			fmt.Println("dead letter:", err)
			continue
		}
		fmt.Println("acknowledge", id)
	}
	// Output:
	// acknowledge 1
	// acknowledge 2
	// dead letter: fanout: item 2: malformed
	// acknowledge 4
}
