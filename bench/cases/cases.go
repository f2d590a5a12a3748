// Package cases holds the benchmarks of ours beside those of the peers, one
// file a package of ours. In each case every row does the same work, and the
// first row is ours.
package cases

import (
	"errors"
	"testing"

	"github.com/weirkit/weir/bench/internal/harness"
)

// All returns every case.
func All() []harness.Case {
	var out []harness.Case
	for _, cases := range [][]harness.Case{
		ratelimits(), semaphores(), breakers(), retries(), fanouts(), pipelines(), generators(), wrappers(),
	} {
		out = append(out, cases...)
	}
	return out
}

// errWork is the failure of a benchmark's call.
var errWork = errors.New("work failed")

// serial measures op on one goroutine. op reports whether it did its work: a
// row that is refused measures something else and fails.
func serial(setup func() (op func() bool)) func(b *testing.B) {
	return func(b *testing.B) {
		op := setup()
		for b.Loop() {
			if !op() {
				b.Fatal("the operation did not do its work")
			}
		}
	}
}

// parallel measures op on goroutines per processor.
func parallel(perProc int, setup func() (op func() bool)) func(b *testing.B) {
	return func(b *testing.B) {
		op := setup()
		b.SetParallelism(perProc)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if !op() {
					b.Error("the operation did not do its work")
					return
				}
			}
		})
	}
}
