package pipeline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// buffered puts the queue behind a stage that asked for one.
func buffered[T any](r *run, at int, c *config, up producer[T]) producer[T] {
	if c.buffer == 0 || r.inline {
		return up
	}
	inputs := r.cross()
	up = fed(inputs, up)
	return func(ctx context.Context, yield func(T) bool) error {
		b := &boundary[T]{ring: stream.NewRing[T](c.buffer), inputs: inputs}
		if r.stages != nil {
			b.fill = &r.stages[at].buffered
		}
		return b.run(ctx, up, yield)
	}
}

// boundary is where items change goroutines, with a queue and without workers.
type boundary[T any] struct {
	ring   *stream.Ring[T]
	inputs *carrier
	fill   *atomic.Int64 // counts what is in the ring, if anybody can ask
	done   sync.WaitGroup

	err error // of up; written before done
}

// run runs up on a goroutine of its own and yields what it makes on this one.
func (b *boundary[T]) run(ctx context.Context, up producer[T], yield func(T) bool) error {
	inner, cancel := context.WithCancel(ctx)
	push := b.ring.Push
	if b.fill != nil {
		push = func(v T) bool {
			b.fill.Add(1) // before: it may be taken at once. Stats leaves out the one that waits for room
			return b.ring.Push(v)
		}
	}
	b.done.Add(1)
	go fault.Catch(func() { b.err = up(inner, push) }, func(f *fault.Fault) {
		if f != nil {
			b.err = f.Err()
		}
		b.ring.Close()
		b.done.Done()
	})
	if !b.consume(ctx, cancel, yield) {
		return ctx.Err() // nil if it was yield that ended the run
	}
	return b.err
}

// consume reports whether up has ended and all that it made was taken. It stops
// and joins up, also when yield panics.
func (b *boundary[T]) consume(ctx context.Context, cancel func(), yield func(T) bool) bool {
	defer b.done.Wait()
	defer b.ring.Stop()
	defer cancel()
	return b.ring.Each(ctx, b.visit(yield)) && ctx.Err() == nil
}

// visit returns what is to be done with an item that was taken.
func (b *boundary[T]) visit(yield func(T) bool) func(T) bool {
	if b.fill == nil && b.inputs == nil {
		return yield
	}
	_, l := b.inputs.loops()
	n := int64(-1)
	return func(v T) bool {
		n++
		if b.fill != nil {
			b.fill.Add(-1)
		}
		return pass(l, b.inputs.take(n), v, yield)
	}
}

// isFault reports whether err is a panic or Goexit of a callback, which no stage
// wraps.
func isFault(err error) bool {
	if err == ErrGoexit { //nolint:errorlint // one that a callback returned is inside a StageError
		return true
	}
	_, ok := err.(*PanicError) //nolint:errorlint // likewise
	return ok
}
