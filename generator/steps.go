package generator

import (
	"fmt"
	"iter"
	"slices"
)

// The steps are lazy and keep no state of their own: each loop over one is a loop
// over its source, and leaving it leaves the source. They run on the loop's
// goroutine; only [Merge] starts others.

// mustHave panics if a parameter is nil. It is small enough that the steps are still
// compiled into the loops over them.
func mustHave(given bool, name string) {
	if !given {
		panic("generator: " + name + " must not be nil")
	}
}

// Map returns f of each value.
func Map[T, R any](seq iter.Seq[T], f func(T) R) iter.Seq[R] {
	mustHave(seq != nil, "seq")
	mustHave(f != nil, "f")
	return func(yield func(R) bool) {
		for v := range seq {
			if !yield(f(v)) {
				return
			}
		}
	}
}

// FlatMap returns the values of f of each value, one sequence after the other.
func FlatMap[T, R any](seq iter.Seq[T], f func(T) iter.Seq[R]) iter.Seq[R] {
	mustHave(seq != nil, "seq")
	mustHave(f != nil, "f")
	return func(yield func(R) bool) {
		for v := range seq {
			for r := range f(v) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Filter returns the values that keep says true to.
func Filter[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	mustHave(seq != nil, "seq")
	mustHave(keep != nil, "keep")
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
	mustHave(seq != nil, "seq")
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

// TakeWhile returns the values before the first that keep says false to. It asks
// seq for that one and no more.
func TakeWhile[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	mustHave(seq != nil, "seq")
	mustHave(keep != nil, "keep")
	return func(yield func(T) bool) {
		for v := range seq {
			if !keep(v) || !yield(v) {
				return
			}
		}
	}
}

// Skip returns the values behind the first n: all of them if n is less than 1.
func Skip[T any](seq iter.Seq[T], n int) iter.Seq[T] {
	mustHave(seq != nil, "seq")
	return func(yield func(T) bool) {
		left := n
		for v := range seq {
			if left > 0 {
				left--
			} else if !yield(v) {
				return
			}
		}
	}
}

// SkipWhile returns the values from the first that skip says false to.
func SkipWhile[T any](seq iter.Seq[T], skip func(T) bool) iter.Seq[T] {
	mustHave(seq != nil, "seq")
	mustHave(skip != nil, "skip")
	return func(yield func(T) bool) {
		skipping := true
		for v := range seq {
			skipping = skipping && skip(v)
			if !skipping && !yield(v) {
				return
			}
		}
	}
}

// Chunk returns the values in slices of n; the last one may be shorter, and is
// never empty. Each slice is new and belongs to the caller. It panics if n is less
// than 1.
func Chunk[T any](seq iter.Seq[T], n int) iter.Seq[[]T] {
	mustHave(seq != nil, "seq")
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

// Concat returns the values of one sequence after the other.
func Concat[T any](seqs ...iter.Seq[T]) iter.Seq[T] {
	seqs = cloneNonNil(seqs)
	return func(yield func(T) bool) {
		for _, seq := range seqs {
			for v := range seq {
				if !yield(v) {
					return
				}
			}
		}
	}
}

func cloneNonNil[T any](seqs []iter.Seq[T]) []iter.Seq[T] {
	for i, seq := range seqs {
		if seq == nil {
			panic(fmt.Sprintf("generator: sequence %d must not be nil", i))
		}
	}
	return slices.Clone(seqs)
}
