package fanout_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirkit/weir/fanout"
)

func loop(in []int, f func(int) int) []int {
	out := make([]int, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// chunks gives each processor an equal part.
func chunks(in []int, f func(int) int) []int { return split(in, f, runtime.GOMAXPROCS(0)) }

func split(in []int, f func(int) int, workers int) []int {
	out := make([]int, len(in))
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

// BenchmarkWaiting is 256 items of 1 ms that wait, by 64 workers: 4 ms at best.
func BenchmarkWaiting(b *testing.B) {
	in := upTo(256)
	wait := func(v int) int {
		<-time.After(time.Millisecond)
		return v
	}
	for _, impl := range []struct {
		name string
		run  func()
	}{
		{"static", func() { split(in, wait, 64) }},
		{"weir", func() { weir(in, wait, fanout.Workers(64)) }},
	} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				impl.run()
			}
		})
	}
}

// BenchmarkGroup is 1000 tasks by 8 workers.
func BenchmarkGroup(b *testing.B) {
	const tasks = 1000
	work := func(context.Context) error { return nil }
	for _, impl := range []struct {
		name string
		run  func(ctx context.Context)
	}{
		{"goroutines-and-a-channel", func(ctx context.Context) {
			var wg sync.WaitGroup
			places := make(chan struct{}, 8)
			for range tasks {
				places <- struct{}{}
				wg.Go(func() { _ = work(ctx); <-places })
			}
			wg.Wait()
		}},
		{"weir", func(ctx context.Context) {
			g := fanout.NewGroup(ctx, fanout.Workers(8))
			for range tasks {
				g.Go(work)
			}
			_ = g.Wait()
		}},
	} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				impl.run(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tasks, "ns/item")
		})
	}
}

// BenchmarkStream is 1000 no-op items by 4 workers. The channels keep no order.
func BenchmarkStream(b *testing.B) {
	in := upTo(1000)
	f := func(_ context.Context, v int) (int, error) { return v + 1, nil }
	drain := func(results iter.Seq2[int, error]) {
		for range results {
		}
	}
	for _, impl := range []struct {
		name string
		run  func(ctx context.Context)
	}{
		{"channels-of-64", func(context.Context) { throughChannels(in, 4) }},
		{"weir", func(ctx context.Context) { drain(fanout.Stream(ctx, slices.Values(in), f, fanout.Workers(4))) }},
		{"weir-unordered", func(ctx context.Context) {
			drain(fanout.Stream(ctx, slices.Values(in), f, fanout.Workers(4), fanout.Unordered()))
		}},
		{"weir-by-key", func(ctx context.Context) {
			drain(fanout.StreamByKey(ctx, slices.Values(in), func(i int) int { return i }, f, fanout.Workers(4)))
		}},
	} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				impl.run(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in)), "ns/item")
		})
	}
}

func throughChannels(in []int, workers int) {
	items, results := make(chan int, 64), make(chan int, 64)
	go func() {
		defer close(items)
		for _, v := range in {
			items <- v
		}
	}()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for v := range items {
				results <- v + 1
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	for range results {
	}
}

// BenchmarkReduce sums 100,000 numbers.
func BenchmarkReduce(b *testing.B) {
	in := upTo(100_000)
	add := func(_ context.Context, x, y int) (int, error) { return x + y, nil }
	for _, impl := range []struct {
		name string
		run  func(ctx context.Context)
	}{
		{"loop", func(ctx context.Context) {
			sum := in[0]
			for _, v := range in[1:] {
				sum, _ = add(ctx, sum, v)
			}
			sink.Store(int64(sum))
		}},
		{"weir", func(ctx context.Context) {
			sum, _ := fanout.Reduce(ctx, in, add)
			sink.Store(int64(sum))
		}},
	} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			for b.Loop() {
				impl.run(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in)), "ns/item")
		})
	}
}
