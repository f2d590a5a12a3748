package generator

import "iter"

// Pair is the two values that an [iter.Seq2] gives at a time.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// Pairs makes one value of the two that seq gives at a time, so that the steps on
// single values work on them. [Unpair] undoes it.
func Pairs[K, V any](seq iter.Seq2[K, V]) iter.Seq[Pair[K, V]] {
	mustHave(seq != nil, "seq")
	return func(yield func(Pair[K, V]) bool) {
		for k, v := range seq {
			if !yield(Pair[K, V]{k, v}) {
				return
			}
		}
	}
}

// Unpair gives the two values of each pair: the inverse of [Pairs].
func Unpair[K, V any](seq iter.Seq[Pair[K, V]]) iter.Seq2[K, V] {
	mustHave(seq != nil, "seq")
	return func(yield func(K, V) bool) {
		for p := range seq {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
}

// Map2 is [Map] on pairs.
func Map2[K, V, L, W any](seq iter.Seq2[K, V], f func(K, V) (L, W)) iter.Seq2[L, W] {
	mustHave(seq != nil, "seq")
	mustHave(f != nil, "f")
	return func(yield func(L, W) bool) {
		for k, v := range seq {
			if !yield(f(k, v)) {
				return
			}
		}
	}
}

// Filter2 is [Filter] on pairs.
func Filter2[K, V any](seq iter.Seq2[K, V], keep func(K, V) bool) iter.Seq2[K, V] {
	mustHave(seq != nil, "seq")
	mustHave(keep != nil, "keep")
	return func(yield func(K, V) bool) {
		for k, v := range seq {
			if keep(k, v) && !yield(k, v) {
				return
			}
		}
	}
}

// Take2 is [Take] on pairs.
func Take2[K, V any](seq iter.Seq2[K, V], n int) iter.Seq2[K, V] { return Unpair(Take(Pairs(seq), n)) }

// Zip returns the first values of a and b together, then the second ones, and so
// on until one of the two ends; a value of a that has no partner is dropped, and
// none is made up. The loop runs a; b runs as a coroutine, which costs some 65 ns
// a value.
func Zip[A, B any](a iter.Seq[A], b iter.Seq[B]) iter.Seq2[A, B] {
	mustHave(a != nil, "a")
	mustHave(b != nil, "b")
	return func(yield func(A, B) bool) {
		next, stop := iter.Pull(b)
		defer stop()
		for v := range a {
			w, ok := next()
			if !ok || !yield(v, w) {
				return
			}
		}
	}
}

// Peekable returns each value with a function that tells the one behind it, and
// whether there is one, without taking it. That function is for the loop's body
// alone; seq is asked for no more than has been peeked at. The values come from a
// coroutine, which costs some 65 ns each.
func Peekable[T any](seq iter.Seq[T]) iter.Seq2[T, func() (T, bool)] {
	mustHave(seq != nil, "seq")
	return func(yield func(T, func() (T, bool)) bool) {
		next, stop := iter.Pull(seq)
		defer stop()
		var ahead T
		peeked, more := false, false
		peek := func() (T, bool) {
			if !peeked {
				ahead, more = next()
				peeked = true
			}
			return ahead, more
		}
		for {
			v, ok := peek()
			if !ok {
				return
			}
			peeked = false
			if !yield(v, peek) {
				return
			}
		}
	}
}
