package pipeline

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/stream"
)

// resultQueue is how many results a [Run] keeps for its reader.
const resultQueue = 64

// Run is a run of a pipeline in the background, made by [Pipeline.Start]. It
// holds the context that it was started with. Its methods are safe for
// concurrent use. Each Run must be ended: read to its end, waited for, stopped,
// or by its context.
type Run[Out any] struct {
	run
	ctx    context.Context
	cancel context.CancelFunc
	ring   *stream.Ring[Out]
	inputs *inputs  // nil without Checkpoints
	made   *carrier // takes the inputs of the results to their reader
	taken  int64    // how many results were taken; the reader's

	drainOnce sync.Once
	reader    atomic.Bool  // Results or Wait reads
	stopped   atomic.Bool  // Stop, or a break out of Results
	discarded atomic.Int64 // results that Wait threw away

	done sync.WaitGroup
	err  error // written before done
}

// Start begins to run the pipeline over src on a goroutine of its own, and
// returns at once. Results wait in a queue of 64 for [Run.Results] or
// [Run.Wait]; when it is full the run waits too.
func (p *Pipeline[In, Out]) Start(ctx context.Context, src iter.Seq[In], opts ...RunOption) *Run[Out] {
	check(ctx, src)
	var c runConfig
	for _, o := range opts {
		if o == nil {
			panic("pipeline: an option of Start must not be nil; leave it out")
		}
		o.applyRun(&c)
	}
	inner, cancel := context.WithCancel(ctx)
	r := &Run[Out]{ctx: ctx, cancel: cancel, ring: stream.NewRing[Out](resultQueue)}
	r.stages = make([]*meter, len(p.stages))
	for i, c := range p.stages {
		r.stages[i] = &meter{config: c, at: i, clock: mono.New()}
	}
	r.drain = make(chan struct{})
	up := build(r, p, src, c)
	r.inputs = c.inputs
	r.done.Add(1)
	w := startWatch(c, r.Stats, cancel)
	r.ring.Until(inner.Done())
	go fault.Catch(func() { r.err = deliver(inner, up, r.ring.Push) }, func(f *fault.Fault) {
		if f != nil {
			r.err = f.Err()
		}
		if err := w.stop(); err != nil {
			r.err = err
		}
		if r.stopped.Load() {
			r.err = nil // asked for: what stopping makes of the callbacks is no news
		} else {
			r.err = rootCause(ctx, r.err) // also when it was the queue that ctx ended
		}
		cancel()
		r.ring.Close()
		r.done.Done()
	})
	return r
}

// build builds the run's stages.
func build[In, Out any](r *Run[Out], p *Pipeline[In, Out], src iter.Seq[In], c runConfig) producer[Out] {
	first := untilDrain(&r.run, source(src))
	if c.inputs != nil {
		r.loop = &loop{inputs: c.inputs}
		first = numbered(r.loop, first)
	}
	up := p.flow(&r.run, 0, first)
	r.made = r.cross()
	return fed(r.made, up)
}

// untilDrain ends a source when no more is to be taken. An item that the source
// has given is worked on all the same: it may exist nowhere else any more.
func untilDrain[T any](r *run, src producer[T]) producer[T] {
	return func(ctx context.Context, yield func(T) bool) error {
		return src(ctx, func(v T) bool { return yield(v) && !r.draining() })
	}
}

// Results yields what comes out, then the error of the run, if there is one,
// with a zero item. Leaving the loop early stops the run as Stop does. Each
// result goes to one reader: a second range, and one after Wait has begun to
// discard, yields [ErrConsumed].
func (r *Run[Out]) Results() iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		if !r.reader.CompareAndSwap(false, true) {
			yield(none, ErrConsumed)
			return
		}
		ended := false
		defer func() {
			if !ended { // by break, return, panic or Goexit
				r.Stop()
			}
		}()
		for {
			v, ok := r.ring.NextUntil(r.ctx.Done())
			if !ok || r.ctx.Err() != nil {
				break
			}
			if !yield(v, nil) {
				return
			}
			r.finished()
		}
		r.done.Wait()
		ended = true
		err := r.err
		if !r.stopped.Load() {
			// Results may be left in the queue: without the error of a ctx that is
			// done these would look like all.
			err = rootCause(r.ctx, err)
		}
		if err != nil {
			yield(none, err)
		}
	}
}

// finished says that the reader is done with the result that it took last.
func (r *Run[Out]) finished() {
	if r.made != nil {
		r.made.to.drop(r.made.take(r.taken))
		r.taken++
	}
}

// Checkpoint returns the number of the source's first item that is not done:
// where a run of [Checkpoints] goes on if this one stops now. All items before it
// are done.
//
// An item is done when everything that stages made of it is: a result when its
// reader asks for the next one or when Wait has discarded it, and whatever a
// filter, an OnError or a dead letter has dropped. An item in a [Batch] or a
// window is done when that is. One that failed and ended the run is not, nor is a
// result whose loop was left by break; so an item may be done again, but none is
// left out. It may be called at any time, also after the end.
//
// A [Distinct] or a [Scan] begins anew in each run. It panics without the option
// Checkpoints.
func (r *Run[Out]) Checkpoint() int64 {
	if r.inputs == nil {
		panic("pipeline: this run has no checkpoint; give Start the option Checkpoints")
	}
	return r.inputs.low()
}

// Wait returns when the run has ended, with its error: nil also for a run that
// was stopped. If nobody reads the results, Wait does so, discards and counts
// them.
func (r *Run[Out]) Wait() error {
	if r.reader.CompareAndSwap(false, true) {
		for {
			if _, ok := r.ring.Next(); !ok {
				break
			}
			r.finished()
			r.discarded.Add(1)
		}
	}
	r.done.Wait()
	return r.err
}

// Drain makes the run take no more from its source, finish what it has taken, and
// end. It does not wait for that: Results goes on to its end, and Wait returns
// then. A source that is waiting for its next item is asked after that one, but
// for [Receive], which stops at once. It is idempotent.
func (r *Run[Out]) Drain() { r.drainOnce.Do(func() { close(r.drain) }) }

// SetWorkers changes how many items a stage works on at once, while it runs: it
// begins or ends workers as items come. More than the stage's Window never run.
// It panics if n is not positive, or if there is no stage of this name that has
// workers of its own: one with Workers of more than 1, or a Window.
func (r *Run[Out]) SetWorkers(stage string, n int) {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: workers must be between 1 and %d, got %d", maxAsked, n))
	}
	for _, m := range r.stages {
		if m.label(m.at) == stage && m.parallel() {
			m.setWorkers(n)
			return
		}
	}
	panic(fmt.Sprintf("pipeline: no stage %q with workers of its own; give it Workers or a Window", stage))
}

// Stop cancels the context of the callbacks and returns when everything has
// stopped. Results that nobody has read are dropped. It is idempotent. A
// callback of the run must not call it: it would wait for itself.
func (r *Run[Out]) Stop() {
	r.stopped.Store(true)
	r.cancel()
	r.ring.Stop()
	r.done.Wait()
}
