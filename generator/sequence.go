package generator

import "iter"

// integer is what [Range] counts in.
type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

// Range returns the integers from from up to, but without, to.
func Range[I integer](from, to I) iter.Seq[I] {
	return func(yield func(I) bool) {
		for i := from; i < to && yield(i); i++ {
		}
	}
}

// Repeat returns v without end.
func Repeat[T any](v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for yield(v) {
		}
	}
}

// Iterate returns first, next(first), next(next(first)) and so on without end.
// next is not called before its value is wanted.
func Iterate[T any](first T, next func(T) T) iter.Seq[T] {
	mustHave(next != nil, "next")
	return func(yield func(T) bool) {
		for v := first; yield(v); v = next(v) {
		}
	}
}
