package pipeline

import "context"

// Pipe2 joins two pipelines: [Join] in a form that reads from left to right,
// with its siblings for more.
//
//	pipeline.Pipe3(pipeline.From(parse), pipeline.From(check), pipeline.From(store, pipeline.Workers(8)))
func Pipe2[A, B, C any](ab *Pipeline[A, B], bc *Pipeline[B, C]) *Pipeline[A, C] { return Join(ab, bc) }

// Pipe3 joins three pipelines.
func Pipe3[A, B, C, D any](ab *Pipeline[A, B], bc *Pipeline[B, C], cd *Pipeline[C, D]) *Pipeline[A, D] {
	return Join(Join(ab, bc), cd)
}

// Pipe4 joins four pipelines.
func Pipe4[A, B, C, D, E any](ab *Pipeline[A, B], bc *Pipeline[B, C], cd *Pipeline[C, D], de *Pipeline[D, E]) *Pipeline[A, E] {
	return Join(Pipe3(ab, bc, cd), de)
}

// Pipe5 joins five pipelines.
func Pipe5[A, B, C, D, E, F any](ab *Pipeline[A, B], bc *Pipeline[B, C], cd *Pipeline[C, D], de *Pipeline[D, E], ef *Pipeline[E, F]) *Pipeline[A, F] {
	return Join(Pipe4(ab, bc, cd, de), ef)
}

// Pipe6 joins six pipelines.
func Pipe6[A, B, C, D, E, F, G any](ab *Pipeline[A, B], bc *Pipeline[B, C], cd *Pipeline[C, D], de *Pipeline[D, E], ef *Pipeline[E, F], fg *Pipeline[F, G]) *Pipeline[A, G] {
	return Join(Pipe5(ab, bc, cd, de, ef), fg)
}

// Throttle adds a stage that takes each item through layer before it is handed
// on: with a rate limiter, so many items a second. An error of the layer is the
// item's.
func (p *Pipeline[In, Out]) Throttle(layer Layer, opts ...Option) *Pipeline[In, Out] {
	if layer == nil {
		panic("pipeline: Throttle needs a layer, got nil")
	}
	c := newConfig("throttle", opts, "Buffer", "OnError", "DeadLetter", "Timeout")
	c.guard = layer
	return p.append(&step[Out, Out]{config: c, plain: guarded(c, func(_ context.Context, item Out) (Out, error) {
		return item, nil
	})})
}
