package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/weirkit/weir/pipeline"
)

func plusOne(v int) int { return v + 1 }

// perItem reports the time of one of n items.
func perItem(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
}

func threeStages(opts ...pipeline.Option) *pipeline.Pipeline[int, int] {
	return pipeline.New[int]().
		Then(pipeline.Lift(plusOne), opts...).Then(pipeline.Lift(plusOne), opts...).Then(pipeline.Lift(plusOne), opts...)
}

func sum(b *testing.B, results iter.Seq2[int, error]) int {
	total := 0
	for v, err := range results {
		if err != nil {
			b.Fatal(err)
		}
		total += v
	}
	return total
}

// BenchmarkStream is three stages, fused and between goroutines, and the
// channels that most programs write instead.
func BenchmarkStream(b *testing.B) {
	for _, n := range []int{1, 100, 100_000} {
		in := make([]int, n)
		for i := range in {
			in[i] = i
		}
		want := n*(n-1)/2 + 3*n
		bench := func(name string, run func(ctx context.Context) int) {
			b.Run(fmt.Sprintf("items=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				for b.Loop() {
					if got := run(ctx); got != want {
						b.Fatalf("sum is %d, want %d", got, want)
					}
				}
				perItem(b, n)
			})
		}
		fused, parallel, buffered := threeStages(), threeStages(pipeline.Workers(2)), threeStages(pipeline.Buffer(64))
		one := pipeline.From(pipeline.Lift(func(v int) int { return v + 3 }), pipeline.Workers(2))
		unordered := pipeline.From(pipeline.Lift(func(v int) int { return v + 3 }), pipeline.Workers(2), pipeline.Unordered())
		bench("baseline=loop of func values", func(context.Context) int { return loopOfFuncs(in) })
		bench("fused", func(ctx context.Context) int { return sum(b, fused.Stream(ctx, slices.Values(in))) })
		bench("fused background", func(context.Context) int {
			return sum(b, fused.Stream(context.Background(), slices.Values(in)))
		})
		bench("baseline=channels of 64", func(context.Context) int { return channelStages(context.Background(), in, false, 3) })
		bench("buffered", func(ctx context.Context) int { return sum(b, buffered.Stream(ctx, slices.Values(in))) })
		bench("baseline=channels of 64 with ctx", func(ctx context.Context) int { return channelStages(ctx, in, true, 3) })
		bench("parallel ordered", func(ctx context.Context) int { return sum(b, parallel.Stream(ctx, slices.Values(in))) })
		bench("one parallel stage ordered", func(ctx context.Context) int { return sum(b, one.Stream(ctx, slices.Values(in))) })
		bench("one parallel stage unordered", func(ctx context.Context) int { return sum(b, unordered.Stream(ctx, slices.Values(in))) })
		bench("baseline=one stage of channels of 64 with ctx", func(ctx context.Context) int { return channelStages(ctx, in, true, 1) })
	}
}

func loopOfFuncs(in []int) int {
	fs := []func(int) int{plusOne, plusOne, plusOne}
	total := 0
	for _, v := range in {
		for _, f := range fs {
			v = f(v)
		}
		total += v
	}
	return total
}

// channelStages is a goroutine and a channel of 64 a stage; withCtx, every send
// and receive is beside the context.
func channelStages(ctx context.Context, in []int, withCtx bool, stages int) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	add := 3 / stages
	var wg sync.WaitGroup
	first := make(chan int, 64)
	wg.Go(func() {
		defer close(first)
		for _, v := range in {
			if !withCtx {
				first <- v
				continue
			}
			select {
			case first <- v:
			case <-ctx.Done():
				return
			}
		}
	})
	src := first
	for range stages {
		up, down := src, make(chan int, 64)
		src = down
		wg.Go(func() {
			defer close(down)
			if !withCtx {
				for v := range up {
					down <- v + add
				}
				return
			}
			for {
				select {
				case v, ok := <-up:
					if !ok {
						return
					}
					select {
					case down <- v + add:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	total := 0
	for v := range src {
		total += v
	}
	wg.Wait()
	return total
}

// BenchmarkExecute is one item through three stages.
func BenchmarkExecute(b *testing.B) {
	p := threeStages()
	b.Run("three stages", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, err := p.Execute(b.Context(), 1); v != 4 || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("baseline=channels", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if channelStages(b.Context(), []int{1}, false, 3) != 4 {
				b.Fatal("wrong sum")
			}
		}
	})
}

// BenchmarkLatency is the time that one item needs through a stage between
// goroutines when nothing else is there: what a stage adds at a low rate.
func BenchmarkLatency(b *testing.B) {
	one := pipeline.From(pipeline.Lift(func(v int) int { return v + 1 }), pipeline.Workers(2))
	b.Run("parallel ordered", func(b *testing.B) {
		next, n := make(chan struct{}, 1), 0
		next <- struct{}{}
		for _, err := range one.Stream(b.Context(), func(yield func(int) bool) {
			for range next {
				if !yield(1) {
					return
				}
			}
		}) {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n > b.N {
				close(next)
				break
			}
			next <- struct{}{}
		}
	})
	b.Run("baseline=channels of 64 with ctx", func(b *testing.B) {
		ctx := b.Context()
		in, out := make(chan int, 64), make(chan int, 64)
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case v, ok := <-in:
					if !ok {
						return
					}
					select {
					case out <- v + 1:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
		for b.Loop() {
			in <- 1
			<-out
		}
		close(in)
		wg.Wait()
	})
}

// BenchmarkCheckpoints is what it costs to follow each item.
func BenchmarkCheckpoints(b *testing.B) {
	const n = 100_000
	for _, shape := range []struct {
		name string
		opts []pipeline.Option
	}{{"fused", nil}, {"buffered", []pipeline.Option{pipeline.Buffer(64)}}, {"parallel", []pipeline.Option{pipeline.Workers(2)}}} {
		p := pipeline.New[int]().Apply(plusOne, shape.opts...)
		for name, opts := range map[string][]pipeline.RunOption{"off": nil, "on": {pipeline.Checkpoints(0)}} {
			b.Run(fmt.Sprintf("stage=%s/checkpoints=%s", shape.name, name), func(b *testing.B) {
				for b.Loop() {
					sum(b, p.Start(b.Context(), count(n), opts...).Results())
				}
				perItem(b, n)
			})
		}
	}
}
