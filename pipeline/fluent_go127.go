//go:build go1.27

package pipeline

import (
	"context"
	"iter"
)

// Map adds a stage that changes the type; it is the function [Map] as a method.
func (p *Pipeline[In, Mid]) Map[Out any](f Stage[Mid, Out], opts ...Option) *Pipeline[In, Out] {
	return Map(p, f, opts...)
}

// FlatMap is the function [FlatMap] as a method.
func (p *Pipeline[In, Mid]) FlatMap[Out any](f func(ctx context.Context, item Mid) iter.Seq2[Out, error], opts ...Option) *Pipeline[In, Out] {
	return FlatMap(p, f, opts...)
}

// Join is the function [Join] as a method: the stages of next come after those
// of p.
func (p *Pipeline[In, Mid]) Join[Out any](next *Pipeline[Mid, Out]) *Pipeline[In, Out] {
	return Join(p, next)
}

// MapByKey is the function [MapByKey] as a method.
func (p *Pipeline[In, Mid]) MapByKey[Out any, Key comparable](key func(Mid) Key, f Stage[Mid, Out], opts ...Option) *Pipeline[In, Out] {
	return MapByKey(p, key, f, opts...)
}

// Scan is the function [Scan] as a method.
func (p *Pipeline[In, Out]) Scan[State any](zero State, f func(ctx context.Context, state State, item Out) (State, error), opts ...Option) *Pipeline[In, State] {
	return Scan(p, zero, f, opts...)
}

// Distinct is the function [Distinct] as a method.
func (p *Pipeline[In, Out]) Distinct[Key comparable](n int, key func(Out) Key, opts ...Option) *Pipeline[In, Out] {
	return Distinct(p, n, key, opts...)
}

// Reduce is the function [Reduce] as a method.
func (p *Pipeline[In, Out]) Reduce[Acc any](ctx context.Context, src iter.Seq[In], zero Acc, f func(ctx context.Context, acc Acc, item Out) (Acc, error)) (Acc, error) {
	return Reduce(ctx, p, src, zero, f)
}
