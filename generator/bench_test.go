package generator_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/weirkit/weir/generator"
)

const benchItems = 10_000

// each runs the loop once per op and reports nanoseconds a value.
func each(b *testing.B, loop func() int) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = loop()
	}
	if n != benchItems {
		b.Fatalf("got %d values, want %d", n, benchItems)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchItems, "ns/value")
}

func rangeOver[T any](seq iter.Seq[T]) int {
	n := 0
	for range seq {
		n++
	}
	return n
}

func plainChannel(size int) <-chan int {
	c := make(chan int, size)
	go func() {
		defer close(c)
		for i := range benchItems {
			c <- i
		}
	}()
	return c
}

func channelWithContext(ctx context.Context, size int) <-chan int {
	c := make(chan int, size)
	go func() {
		defer close(c)
		for i := range benchItems {
			select {
			case c <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

func overChannel(c <-chan int) int {
	n := 0
	for range c {
		n++
	}
	return n
}

func BenchmarkAll(b *testing.B) {
	produce := count(benchItems)
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": b.Context()} {
		b.Run("ctx="+name+"/impl=weir", func(b *testing.B) {
			each(b, func() int { return rangeOver(generator.New(ctx, produce).All()) })
		})
		b.Run("ctx="+name+"/impl=weir-loop", func(b *testing.B) {
			each(b, func() int {
				n := 0
				for range generator.New(ctx, produce).All() {
					n++
				}
				return n
			})
		})
		b.Run("ctx="+name+"/impl=iter", func(b *testing.B) {
			each(b, func() int {
				return rangeOver(func(yield func(int) bool) { _ = produce(ctx, yield) })
			})
		})
	}
}

func BenchmarkNext(b *testing.B) {
	b.Run("impl=weir", func(b *testing.B) {
		each(b, func() int {
			g := generator.New(b.Context(), count(benchItems))
			n := 0
			for _, ok := g.Next(); ok; _, ok = g.Next() {
				n++
			}
			return n
		})
	})
	b.Run("impl=iter.Pull", func(b *testing.B) {
		produce := count(benchItems)
		each(b, func() int {
			next, stop := iter.Pull(func(yield func(int) bool) { _ = produce(b.Context(), yield) })
			defer stop()
			n := 0
			for _, ok := next(); ok; _, ok = next() {
				n++
			}
			return n
		})
	})
	b.Run("impl=channel", func(b *testing.B) {
		each(b, func() int { return overChannel(plainChannel(0)) })
	})
}

func BenchmarkPrefetched(b *testing.B) {
	for _, size := range []int{1, 16, 64, 1024} {
		for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": b.Context()} {
			b.Run(fmt.Sprintf("size=%d/ctx=%s/impl=weir", size, name), func(b *testing.B) {
				each(b, func() int {
					return rangeOver(generator.New(ctx, count(benchItems), generator.Buffer(size)).All())
				})
			})
		}
		b.Run(fmt.Sprintf("size=%d/impl=weir-next", size), func(b *testing.B) {
			each(b, func() int {
				g := generator.New(b.Context(), count(benchItems), generator.Buffer(size))
				n := 0
				for _, ok := g.Next(); ok; _, ok = g.Next() {
					n++
				}
				return n
			})
		})
		b.Run(fmt.Sprintf("size=%d/impl=channel", size), func(b *testing.B) {
			each(b, func() int { return overChannel(plainChannel(size)) })
		})
		b.Run(fmt.Sprintf("size=%d/impl=channel-ctx", size), func(b *testing.B) {
			each(b, func() int { return overChannel(channelWithContext(b.Context(), size)) })
		})
	}
}

// work takes about a microsecond on the machine the figures are from.
func work(v int) int {
	for range 800 {
		v = v*1103515245 + 12345
	}
	return v
}

// Producer and consumer work a microsecond each: a perfect overlap costs as much
// as one of them.
func BenchmarkOverlap(b *testing.B) {
	produce := func(_ context.Context, yield func(int) bool) error {
		for i := 0; i < benchItems && yield(work(i)); i++ {
		}
		return nil
	}
	consume := func(seq iter.Seq[int]) int {
		n := 0
		for v := range seq {
			if work(v) != 1 {
				n++
			}
		}
		return n
	}
	b.Run("impl=one-side", func(b *testing.B) {
		each(b, func() int { return consume(generator.Range(0, benchItems)) })
	})
	b.Run("impl=weir", func(b *testing.B) {
		each(b, func() int {
			return consume(generator.New(b.Context(), produce, generator.Buffer(64)).All())
		})
	})
	b.Run("impl=channel", func(b *testing.B) {
		each(b, func() int {
			return consume(func(yield func(int) bool) {
				c := make(chan int, 64)
				go func() {
					defer close(c)
					_ = produce(b.Context(), func(v int) bool { c <- v; return true })
				}()
				for v := range c {
					if !yield(v) {
						return
					}
				}
			})
		})
	})
}

// What a generator costs that is hardly used.
func BenchmarkTwoValues(b *testing.B) {
	ctx := context.Background()
	produce := count(2)
	b.Run("how=All", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range generator.New(ctx, produce).All() {
			}
		}
	})
	b.Run("how=Next", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g := generator.New(ctx, produce)
			g.Next()
			g.Next()
			g.Close()
		}
	})
	b.Run("how=iter.Pull", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			next, stop := iter.Pull(func(yield func(int) bool) { _ = produce(ctx, yield) })
			next()
			next()
			stop()
		}
	})
	b.Run("how=Buffer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range generator.New(ctx, produce, generator.Buffer(64)).All() {
			}
		}
	})
	b.Run("how=channel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 64)
			go func() {
				defer close(c)
				c <- 1
				c <- 2
			}()
			for range c {
			}
		}
	})
}
