package pipeline

import (
	"context"
	"iter"
	"sync"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// broadcastQueue is how many items a consumer of Broadcast may be behind.
const broadcastQueue = 64

// Broadcast runs the pipeline over src and gives every item that comes out to
// every consumer. Each consumer has a goroutine and a queue of 64 items of its
// own: the slowest sets the pace, and none can keep another from reading. An item
// that is a pointer, map or slice is shared; consumers must not change it.
//
// A consumer that leaves its loop may begin another, which goes on with the next item;
// until it does, or returns, its queue fills up and then holds up the others. One that
// returns nil early is done, and the others go on; when all are done the run is
// stopped. The first error, of the run or of a consumer, cancels
// everything; then the items of the others just end, so a consumer that keeps
// what it made must ask its context whether they were all. Broadcast returns that
// error when everything has stopped. A panic or runtime.Goexit of a consumer
// counts as one, and is raised as Collect does.
func (p *Pipeline[In, Out]) Broadcast(ctx context.Context, src iter.Seq[In], consumers ...func(ctx context.Context, items iter.Seq[Out]) error) error {
	check(ctx, src)
	if len(consumers) == 0 {
		panic("pipeline: Broadcast needs a consumer; to have none there is Drain")
	}
	for _, f := range consumers {
		if f == nil {
			panic("pipeline: a consumer of Broadcast must not be nil")
		}
	}
	inner, cancel := context.WithCancel(ctx) // #nosec G118 -- feed calls it, however it ends
	b := &broadcast[Out]{ctx: inner, cancel: cancel}
	for _, f := range consumers {
		b.start(f)
	}
	err := b.feed(p.flow(&run{}, 0, source(src)))
	if first := b.first(); first != nil {
		err = first
	}
	raise(err)
	return rootCause(ctx, err)
}

// broadcast is one run of Broadcast.
type broadcast[T any] struct {
	ctx    context.Context // ends everything
	cancel context.CancelFunc
	rings  []*stream.Ring[T]
	done   sync.WaitGroup

	mu     sync.Mutex
	failed error
}

func (b *broadcast[T]) start(f func(context.Context, iter.Seq[T]) error) {
	ring := stream.NewRing[T](broadcastQueue)
	ring.Until(b.ctx.Done())
	b.rings = append(b.rings, ring)
	items := func(yield func(T) bool) {
		for {
			v, ok := ring.NextUntil(b.ctx.Done())
			if !ok || b.ctx.Err() != nil || !yield(v) {
				return
			}
		}
	}
	b.done.Add(1)
	var err error
	go fault.Catch(func() { err = f(b.ctx, items) }, func(flt *fault.Fault) {
		if flt != nil {
			err = flt.Err()
		}
		if err != nil {
			b.fail(err)
		}
		ring.Stop() // who has returned reads no more
		b.done.Done()
	})
}

// feed pushes what up makes into every queue, and joins the consumers.
func (b *broadcast[T]) feed(up producer[T]) (err error) {
	complete := false
	defer func() {
		if !complete {
			b.cancel()
		}
		for _, r := range b.rings {
			r.Close()
		}
		b.done.Wait()
		b.cancel()
	}()
	err = block(b.ctx, up, func(v T) bool {
		wanted := false
		for _, r := range b.rings {
			wanted = r.Push(v) || wanted
		}
		return wanted
	})
	if err != nil {
		b.fail(err)
	}
	complete = err == nil
	return err
}

// fail notes the first error, and only then cancels what would make others.
func (b *broadcast[T]) fail(err error) {
	b.mu.Lock()
	if b.failed == nil {
		b.failed = err
	}
	b.mu.Unlock()
	b.cancel()
}

func (b *broadcast[T]) first() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}
