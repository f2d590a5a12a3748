package pipeline

import (
	"fmt"
	"iter"
	"sync"
)

// Item is a value with its number in the input.
type Item[T any] struct {
	Index int64
	Value T
}

// Number numbers the items of a source from first on, so that who has finished
// one can tell a [Checkpoint]. With first above 0 it leaves that many out: a job
// that restarts goes on where the checkpoint stood.
func Number[T any](src iter.Seq[T], first int64) iter.Seq[Item[T]] {
	if src == nil {
		panic("pipeline: the source must not be nil; slices.Values(nil) is an empty one")
	}
	if first < 0 {
		panic(fmt.Sprintf("pipeline: the first number must be at least 0, got %d", first))
	}
	return func(yield func(Item[T]) bool) {
		i := int64(0)
		for v := range src {
			if i >= first && !yield(Item[T]{i, v}) {
				return
			}
			i++
		}
	}
}

// Checkpoint knows from where a long job must be done again if it stops now: the
// number below which every item is finished. Items may be finished in any order,
// by any goroutine. Make it with [NewCheckpoint]; it is safe for concurrent use
// and must not be copied.
//
// It keeps a number for each finished item behind one that is not: as many as
// the pipeline works ahead, which its windows, buffers and batches bound. Each
// item must be told, also one that is dropped: a filter, an OnError and a
// DeadLetter get to see it.
type Checkpoint struct {
	mu    sync.Mutex
	low   int64
	ahead map[int64]struct{} // finished, and not below low
}

// NewCheckpoint returns a checkpoint that stands at first: 0 for a new job, where
// the last one stood for one that goes on.
func NewCheckpoint(first int64) *Checkpoint {
	if first < 0 {
		panic(fmt.Sprintf("pipeline: a checkpoint must be at least 0, got %d", first))
	}
	return &Checkpoint{low: first, ahead: map[int64]struct{}{}}
}

// Done says that an item is finished. To say it again changes nothing.
func (c *Checkpoint) Done(index int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case index < c.low:
		return
	case index > c.low:
		c.ahead[index] = struct{}{}
		return
	}
	for c.low++; ; c.low++ {
		if _, ok := c.ahead[c.low]; !ok {
			return
		}
		delete(c.ahead, c.low)
	}
}

// Low returns the number below which every item is finished.
func (c *Checkpoint) Low() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.low
}
