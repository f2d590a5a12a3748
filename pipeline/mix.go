package pipeline

import (
	"context"
	"sync"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/stream"
)

// mix runs a FlatMap stage on workers whose sequences are handed on as their
// items come, in any order: unlike spread it must not read one sequence to its
// end before it looks at the next.
func (m *many[I, O]) mix(r *run, at int, up producer[I]) producer[O] {
	settings, c := m.settings(), r.cross()
	up = fed(c, up)
	_, l := c.loops()
	return func(ctx context.Context, yield func(O) bool) error {
		inner, cancel := context.WithCancel(ctx)
		x := &mixer[O]{items: make(chan held[O], burstSize), loop: l}
		x.done.Add(1)
		go fault.Catch(func() {
			p := stream.NewParallel[I, struct{}](settings)
			r.register(at, p)
			x.err = p.Run(inner, up, func(ctx context.Context, index int64, in I) (struct{}, error) {
				of := c.look(index)
				_, err := m.expand(ctx, r, at, index, in, func(out O) bool {
					c.hold(of)
					select {
					case x.items <- held[O]{out, of}:
						return true
					case <-ctx.Done():
						return false
					}
				})
				return struct{}{}, err
			}, func(index int64, _ struct{}) bool {
				c.forget(index) // what came of it is held by itself
				return true
			})
		}, func(f *fault.Fault) {
			if f != nil {
				x.err = f.Err()
			}
			close(x.items) // every worker has ended: nobody sends
			x.done.Done()
		})
		if !x.consume(ctx, cancel, yield) {
			return ctx.Err() // nil if it was yield that ended the run
		}
		return x.err
	}
}

// held is an item and its input.
type held[T any] struct {
	item T
	of   *input
}

// mixer is the queue between the workers of a mix and its consumer.
type mixer[O any] struct {
	items chan held[O]
	loop  *loop // of the consumer
	done  sync.WaitGroup
	err   error // written before items is closed
}

// consume reports whether everything was made and taken. It stops and joins the
// rest, also when yield panics.
func (x *mixer[O]) consume(ctx context.Context, cancel func(), yield func(O) bool) bool {
	defer x.done.Wait()
	defer cancel()
	for {
		select {
		case v, ok := <-x.items:
			switch {
			case ctx.Err() != nil:
				return false
			case !ok:
				return true
			case !pass(x.loop, v.of, v.item, yield):
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}
