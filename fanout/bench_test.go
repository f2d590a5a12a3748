package fanout_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/weirkit/weir/fanout"
)

func loop(in []int, f func(int) int) []int {
	out := make([]int, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func chunks(in []int, f func(int) int) []int {
	out := make([]int, len(in))
	workers := runtime.GOMAXPROCS(0)
	size := (len(in) + workers - 1) / workers
	var wg sync.WaitGroup
	for lo := 0; lo < len(in); lo += size {
		wg.Go(func() {
			for i := lo; i < min(lo+size, len(in)); i++ {
				out[i] = f(in[i])
			}
		})
	}
	wg.Wait()
	return out
}

func weir(in []int, f func(int) int, opts ...fanout.Option) []int {
	out, err := fanout.Map(context.Background(), in, func(_ context.Context, v int) (int, error) { return f(v), nil }, opts...)
	if err != nil {
		panic(err)
	}
	return out
}

// spin works for about n/2 ns.
func spin(n int) int {
	x := uint64(n) //nolint:gosec // a seed
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return int(x >> 1) //nolint:gosec // any number
}

func BenchmarkMap(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		f    func(int) int
	}{
		{"noop", 10, func(v int) int { return v + 1 }},
		{"noop", 1000, func(v int) int { return v + 1 }},
		{"noop", 100_000, func(v int) int { return v + 1 }},
		{"1us", 10_000, func(v int) int { return v + spin(1500) }},
		{"50us", 200, func(v int) int { return v + spin(75_000) }},
		{"skewed", 1000, func(v int) int {
			if v >= 900 {
				return spin(30_000)
			}
			return spin(300)
		}},
	} {
		in := make([]int, c.n)
		for i := range in {
			in[i] = i
		}
		for _, impl := range []struct {
			name string
			run  func() []int
		}{
			{"loop", func() []int { return loop(in, c.f) }},
			{"static", func() []int { return chunks(in, c.f) }},
			{"weir", func() []int { return weir(in, c.f) }},
			{"weir-workers", func() []int { return weir(in, c.f, fanout.Workers(runtime.GOMAXPROCS(0))) }},
		} {
			b.Run(fmt.Sprintf("work=%s/n=%d/impl=%s", c.name, c.n, impl.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					impl.run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.n), "ns/item")
			})
		}
	}
}
