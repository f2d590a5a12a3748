package generator

import (
	"fmt"
	"iter"
)

// Range returns the integers from from up to, but without, to.
func Range[I ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](from, to I) iter.Seq[I] {
	return func(yield func(I) bool) {
		for i := from; i < to && yield(i); i++ {
		}
	}
}

// Map returns f of each value.
func Map[T, R any](seq iter.Seq[T], f func(T) R) iter.Seq[R] {
	return func(yield func(R) bool) {
		for v := range seq {
			if !yield(f(v)) {
				return
			}
		}
	}
}

// Filter returns the values that keep says true to.
func Filter[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

// Take returns the first n values. It asks seq for no more than those, and does
// not start it if n is less than 1.
func Take[T any](seq iter.Seq[T], n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		left := n
		if left < 1 {
			return
		}
		for v := range seq {
			left--
			if !yield(v) || left == 0 {
				return
			}
		}
	}
}

// Chunk returns the values in slices of n; the last one may be shorter, and is
// never empty. Each slice is new and belongs to the caller. It panics if n is less
// than 1.
func Chunk[T any](seq iter.Seq[T], n int) iter.Seq[[]T] {
	if n < 1 {
		panic(fmt.Sprintf("generator: chunk size must be at least 1, got %d", n))
	}
	return func(yield func([]T) bool) {
		var chunk []T
		for v := range seq {
			if chunk == nil {
				chunk = make([]T, 0, min(n, maxPrealloc))
			}
			chunk = append(chunk, v)
			if len(chunk) == n {
				if !yield(chunk) {
					return
				}
				chunk = nil
			}
		}
		if len(chunk) > 0 {
			yield(chunk)
		}
	}
}
