package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
)

// timedBatch is batch with a bound on how long an item waits. What comes before
// it runs on a goroutine of its own: a source that blocks could not be
// interrupted on ours.
func timedBatch[T any](from, to *loop, up producer[T], n int, every time.Duration) producer[[]T] {
	return func(ctx context.Context, yield func([]T) bool) error {
		b := &collector[T]{
			from: from, to: to, size: n, every: every, clock: mono.New(),
			begun: make(chan struct{}, 1),
			full:  make(chan held[[]T], 1),
			ended: make(chan struct{}),
		}
		return b.run(ctx, up, yield)
	}
}

// collector gathers items of one goroutine for another, that waits for a full
// batch or for its time.
//
// Full batches go through a channel, a batch in the making is taken under mu.
// They keep their order: the producer sends a full one before it appends the
// next item, and who takes an unfinished one first looks into the channel, under
// mu, so that no item can be appended in between.
type collector[T any] struct {
	from, to *loop

	size  int
	every time.Duration
	clock mono.Clock

	begun chan struct{} // signals the first item of a batch
	full  chan held[[]T]
	ended chan struct{} // closed when up has ended

	mu    sync.Mutex
	items []T
	of    *input // the lowest of theirs
	due   int64  // when items must be handed on

	done sync.WaitGroup
	err  error // of up; written before ended is closed
}

func (b *collector[T]) run(ctx context.Context, up producer[T], yield func([]T) bool) error {
	inner, cancel := context.WithCancel(ctx)
	b.done.Add(1)
	go fault.Catch(func() {
		b.err = up(inner, func(v T) bool { return b.add(inner, v) })
	}, func(f *fault.Fault) {
		if f != nil {
			b.err = f.Err()
		}
		close(b.ended)
		b.done.Done()
	})
	if !b.consume(ctx, cancel, yield) {
		return ctx.Err() // nil if it was yield that ended the run
	}
	return b.err
}

// add appends an item, and waits if a full batch cannot be handed over yet.
func (b *collector[T]) add(ctx context.Context, v T) bool {
	b.mu.Lock()
	if b.items == nil {
		b.items = make([]T, 0, min(b.size, firstCap))
		b.due = b.clock.Now() + int64(b.every)
	}
	b.items, b.of = append(b.items, v), b.from.keepLowest(b.of)
	n, full := len(b.items), held[[]T]{b.items, b.of}
	if n == b.size {
		b.items, b.of = nil, nil
	}
	b.mu.Unlock()
	switch n {
	case b.size:
		select {
		case b.full <- full:
		case <-ctx.Done():
			return false
		}
	case 1:
		select {
		case b.begun <- struct{}{}:
		default: // the consumer has not seen the last one: it will look at due
		}
	}
	return ctx.Err() == nil
}

// take returns the batch that must be handed on first, a full one or one in the
// making that is due, or how long to wait for that: never, if there is none.
func (b *collector[T]) take(flush bool) (batch held[[]T], wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case batch = <-b.full:
		return batch, 0
	default:
	}
	if len(b.items) == 0 {
		return batch, -1
	}
	if wait = time.Duration(b.due - b.clock.Now()); wait > 0 && !flush {
		return batch, wait
	}
	batch = held[[]T]{b.items, b.of}
	b.items, b.of = nil, nil
	return batch, 0
}

// consume reports whether up has ended and all that it made was taken. It stops
// and joins up, also when yield panics.
func (b *collector[T]) consume(ctx context.Context, cancel func(), yield func([]T) bool) bool {
	defer b.done.Wait()
	defer cancel()
	timer := time.NewTimer(b.every)
	defer timer.Stop()
	timer.Stop()
	for {
		batch, wait := b.take(false)
		if batch.item == nil {
			var due <-chan time.Time
			if wait > 0 {
				timer.Reset(wait)
				due = timer.C
			}
			select {
			case batch = <-b.full:
			case <-b.begun:
				continue // now there is a time to wait for
			case <-due:
				continue
			case <-b.ended:
				return b.rest(ctx, yield)
			case <-ctx.Done():
				return false
			}
		}
		if ctx.Err() != nil || !pass(b.to, batch.of, batch.item, yield) {
			return false
		}
	}
}

// rest hands on what is left when up has ended.
func (b *collector[T]) rest(ctx context.Context, yield func([]T) bool) bool {
	for {
		batch, _ := b.take(!isFault(b.err))
		if batch.item == nil {
			return ctx.Err() == nil
		}
		if ctx.Err() != nil || !pass(b.to, batch.of, batch.item, yield) {
			return false
		}
	}
}
