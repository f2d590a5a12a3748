package stream_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/weirkit/weir/internal/stream"
)

// upTo is a source of n integers.
func upTo(n int) func(context.Context, func(int) bool) error {
	return func(_ context.Context, yield func(int) bool) error {
		for i := range n {
			if !yield(i) {
				return nil
			}
		}
		return nil
	}
}

func plusThree(_ context.Context, _ int64, v int) (int, error) { return v + 3, nil }

func BenchmarkParallel(b *testing.B) {
	for _, unordered := range []bool{false, true} {
		for _, n := range []int{1, 10, 1000, 100_000} {
			for _, workers := range []int{1, 2, 8} {
				b.Run(fmt.Sprintf("unordered=%v/items=%d/workers=%d", unordered, n, workers), func(b *testing.B) {
					b.ReportAllocs()
					sum := 0
					for b.Loop() {
						p := stream.NewParallel[int, int](stream.Config{Workers: workers, Unordered: unordered})
						if err := p.Run(b.Context(), upTo(n), plusThree, func(_ int64, v int) bool { sum += v; return true }); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
				})
			}
		}
	}
}

// BenchmarkParallelBaseline is what most programs write: a channel of 64 to the
// workers and one from them, every send and receive beside the context.
func BenchmarkParallelBaseline(b *testing.B) {
	for _, n := range []int{1, 10, 1000, 100_000} {
		for _, workers := range []int{1, 2, 8} {
			b.Run(fmt.Sprintf("items=%d/workers=%d", n, workers), func(b *testing.B) {
				b.ReportAllocs()
				sum := 0
				for b.Loop() {
					sum += channels(b.Context(), n, workers)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
			})
		}
	}
}

func channels(ctx context.Context, n, workers int) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, out := make(chan int, 64), make(chan int, 64)
	var feeder, crew sync.WaitGroup
	feeder.Go(func() {
		defer close(in)
		for i := range n {
			select {
			case in <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for range workers {
		crew.Go(func() {
			for v := range in {
				select {
				case out <- v + 3:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() { crew.Wait(); close(out) }()
	sum := 0
	for v := range out {
		sum += v
	}
	feeder.Wait()
	return sum
}
