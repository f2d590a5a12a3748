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
