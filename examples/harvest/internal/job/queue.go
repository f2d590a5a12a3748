package job

import (
	"context"
	"iter"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/semaphore"
)

// batch is some documents on their way to the service.
type batch struct {
	docs  []document.Document
	begun time.Time     // of the first try; zero before it
	over  chan struct{} // closed when it is done
}

// queue holds the batches that are not finished: waiting, being sent, or given
// back by a sender. A slot for each bounds them all together, so a batch that
// comes back finds room at once, whatever the others do: do waits, back never
// does, and a sender that gives back cannot wait for itself.
type queue struct {
	slots *semaphore.Semaphore
	ready chan *batch // as long as there are slots: a send never blocks
}

func newQueue(size int) *queue {
	return &queue{slots: semaphore.New(int64(size)), ready: make(chan *batch, size)}
}

// do adds a new batch when a slot is free, and returns when it is done. Only ctx
// ends the waits.
func (q *queue) do(ctx context.Context, docs []document.Document) error {
	if err := q.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	b := &batch{docs: docs, over: make(chan struct{})}
	q.ready <- b
	select {
	case <-b.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// back gives a batch that was taken back to the end of the queue.
func (q *queue) back(b *batch) { q.ready <- b }

// done forgets a batch that was taken.
func (q *queue) done(b *batch) {
	close(b.over)
	q.slots.Release(1)
}

// finish ends the loops over batches when every batch is done: no do is under
// way, and none may follow.
func (q *queue) finish() { close(q.ready) }

// batches takes batches as they come until the queue is finished or ctx is done.
func (q *queue) batches(ctx context.Context) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case b, ok := <-q.ready:
				if !ok || !yield(b) {
					return
				}
			}
		}
	}
}
