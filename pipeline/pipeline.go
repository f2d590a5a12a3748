package pipeline

import (
	"context"
	"slices"
)

// Stage is what a stage does with one item. It should return soon after ctx is
// done.
type Stage[In, Out any] func(ctx context.Context, in In) (Out, error)

// Lift makes a Stage of a function that cannot fail.
func Lift[In, Out any](f func(In) Out) Stage[In, Out] {
	if f == nil {
		panic("pipeline: Lift needs a function, got nil")
	}
	return func(_ context.Context, in In) (Out, error) { return f(in), nil }
}

// Pipeline says what happens to items on their way from In to Out. Make one with
// [New] or [From]; each method and function that adds a stage returns a new
// pipeline and leaves the old one as it was, so that one beginning can have many
// ends.
//
// A Pipeline is immutable, safe for concurrent use and may be run any number of
// times, also at once: Execute, Collect, Stream and Start each make a run with
// state of its own. A definition starts nothing and holds nothing.
type Pipeline[In, Out any] struct {
	// one takes one item through all stages; nil if one of them can make several
	// items of one, or none but at the end. base is the number of the first stage.
	one func(ctx context.Context, base int, in In) (Out, bool, error)
	// flow builds one run.
	flow func(r *run, base int, src producer[In]) producer[Out]
	// stages describes the stages, in order. It is never appended to in place.
	stages []*config
	// chain is the row of fused stages that p ends with, or nil.
	chain *chain[In, Out]
}

// producer calls yield with items until there are no more, or yield returns
// false, or ctx is done. Its error is nil in the second case.
type producer[T any] func(ctx context.Context, yield func(T) bool) error

// run is one run of a pipeline, as far as its stages must know of it.
type run struct {
	inline bool          // Execute: no stage may use another goroutine
	stages []*meter      // nil if nobody can ask for statistics
	drain  chan struct{} // closed when no more is to be taken; nil if nobody can ask for it
	loop   *loop         // while it is being built: of what is built next; nil without Checkpoints
}

// draining reports whether no more is to be taken.
func (r *run) draining() bool {
	select {
	case <-r.drain:
		return true
	default:
		return false
	}
}

// New returns a pipeline without stages: what goes in comes out.
func New[T any]() *Pipeline[T, T] {
	return &Pipeline[T, T]{
		one:  func(_ context.Context, _ int, in T) (T, bool, error) { return in, true, nil },
		flow: func(_ *run, _ int, src producer[T]) producer[T] { return src },
	}
}

// From returns a pipeline of one stage.
func From[In, Out any](f Stage[In, Out], opts ...Option) *Pipeline[In, Out] {
	return Map(New[In](), f, opts...)
}

// Join returns a pipeline of the stages of a, then those of b.
func Join[A, B, C any](a *Pipeline[A, B], b *Pipeline[B, C]) *Pipeline[A, C] {
	if a == nil || b == nil {
		panic("pipeline: Join needs two pipelines, got nil; New is one without stages")
	}
	n := len(a.stages)
	joined := &Pipeline[A, C]{
		flow: func(r *run, base int, src producer[A]) producer[C] {
			return b.flow(r, base+n, a.flow(r, base, src))
		},
		stages: slices.Concat(a.stages, b.stages),
	}
	if a.one != nil && b.one != nil {
		joined.one = func(ctx context.Context, base int, in A) (out C, ok bool, err error) {
			mid, ok, err := a.one(ctx, base, in)
			if !ok || err != nil {
				return out, false, err
			}
			return b.one(ctx, base+n, mid)
		}
	}
	return joined
}

// Len returns the number of stages.
func (p *Pipeline[In, Out]) Len() int { return len(p.stages) }
