package pipeline

import (
	"context"
	"sync"
)

// burstSize is how many items of one sequence are made before its consumer need
// take any.
const burstSize = 64

// burst carries what a worker makes of one item to the consumer, while it is
// being made. An item can be taken as soon as it is put.
//
// A side that must wait says so under mu and then receives from its channel; the
// other side, once it has changed what is waited for, takes the flag away and
// sends. So a channel never holds more than one signal, and a send never blocks.
type burst[O any] struct {
	mu     sync.Mutex // never held while anything blocks
	items  []O
	ended  bool
	err    error
	hungry bool // the consumer waits for an item, or the end
	full   bool // the worker waits for room
	food   chan struct{}
	room   chan struct{}
}

// put appends an item, waiting while there are too many. It returns false once
// ctx is done.
func (b *burst[O]) put(ctx context.Context, v O) bool {
	b.mu.Lock()
	for len(b.items) >= burstSize {
		b.full = true
		if b.room == nil {
			b.room = make(chan struct{}, 1)
		}
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-ctx.Done():
			return false
		}
		b.mu.Lock()
	}
	b.items = append(b.items, v)
	wake := b.hungry
	b.hungry = false
	b.mu.Unlock()
	if wake {
		b.food <- struct{}{}
	}
	return ctx.Err() == nil
}

// end says that no more items come.
func (b *burst[O]) end(err error) {
	b.mu.Lock()
	b.ended, b.err = true, err
	wake := b.hungry
	b.hungry = false
	b.mu.Unlock()
	if wake {
		b.food <- struct{}{}
	}
}

// take returns all items that are there, or ended. spare is the memory of what
// it returned before.
func (b *burst[O]) take(ctx context.Context, spare []O) (items []O, ended bool) {
	for {
		b.mu.Lock()
		if len(b.items) > 0 || b.ended {
			items, b.items = b.items, spare
			wake := b.full
			b.full = false
			b.mu.Unlock()
			if wake {
				b.room <- struct{}{}
			}
			return items, len(items) == 0
		}
		b.hungry = true
		if b.food == nil {
			b.food = make(chan struct{}, 1)
		}
		b.mu.Unlock()
		select {
		case <-b.food:
		case <-ctx.Done():
			return nil, true
		}
	}
}

// yield hands a burst on. It reports false if yield did, and returns the error
// that ends the run.
func (b *burst[O]) yield(ctx context.Context, yield func(O) bool) (bool, error) {
	var spare []O
	for {
		items, ended := b.take(ctx, spare)
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if ended {
			return b.err == nil, b.err
		}
		for _, v := range items {
			if !yield(v) {
				return false, nil
			}
		}
		clear(items) // the memory must not keep alive what has left it
		spare = items[:0]
	}
}
