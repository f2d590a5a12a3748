package cases

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/bradenaw/juniper/iterator"
	"github.com/samber/ro"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/pipeline"
)

const pipelineItems = 100_000

func plusOne(v int) int { return v + 1 }

func three() *pipeline.Pipeline[int, int] {
	return pipeline.New[int]().
		Apply(plusOne).Apply(plusOne).Apply(plusOne)
}

func pipelines() []harness.Case {
	in := make([]int, pipelineItems)
	for i := range in {
		in[i] = i
	}
	want := pipelineItems*(pipelineItems-1)/2 + 3*pipelineItems
	ten, wantTen := in[:10], 10*9/2+3*10
	row := func(name string, want int, run func() int) harness.Row {
		return harness.Row{Name: name, Bench: func(b *testing.B) {
			got := 0
			for b.Loop() {
				got = run()
			}
			if got != want {
				b.Fatalf("sum is %d, want %d", got, want)
			}
		}}
	}
	ctx := context.Background()
	p := three()
	return append([]harness.Case{
		{Package: "pipeline", Name: "three stages, fused", Items: pipelineItems, Rows: []harness.Row{
			row("weir", want, func() int { return sumStream(ctx, three(), in) }),
			row("juniper iterators", want, func() int { return juniperSum(in) }),
			row("ro", want, func() int { return roSum(in) }),
			row("channels of 64, a goroutine a stage", want, func() int { return channelSum(in) }),
			row("loop of three func values (baseline)", want, func() int { return loopSum(in) }),
		}},
		{Package: "pipeline", Name: "ten items through three stages, fused", Rows: []harness.Row{
			row("weir", wantTen, func() int { return sumStream(ctx, p, ten) }),
			row("weir, pipeline built each time", wantTen, func() int { return sumStream(ctx, three(), ten) }),
			row("juniper iterators", wantTen, func() int { return juniperSum(ten) }),
			row("channels of 64, a goroutine a stage", wantTen, func() int { return channelSum(ten) }),
		}},
		{Package: "pipeline", Name: "Execute: one item, three stages", Rows: []harness.Row{
			{Name: "weir", Bench: serial(func() func() bool {
				p := three()
				return func() bool { v, err := p.Execute(ctx, 1); return v == 4 && err == nil }
			})},
			{Name: "channels, a goroutine a stage", Bench: serial(func() func() bool {
				return func() bool { return channelSum([]int{1}) == 4 }
			})},
		}},
	}, queues(row, in, want)...)
}

func sumStream(ctx context.Context, p *pipeline.Pipeline[int, int], in []int) int {
	sum := 0
	for v, err := range p.Stream(ctx, slices.Values(in)) {
		if err != nil {
			return -1
		}
		sum += v
	}
	return sum
}

func juniperSum(in []int) int {
	it := iterator.Map(iterator.Map(iterator.Map(iterator.Slice(in), plusOne), plusOne), plusOne)
	sum := 0
	for {
		v, ok := it.Next()
		if !ok {
			return sum
		}
		sum += v
	}
}

func roSum(in []int) int {
	sum := 0
	o := ro.Pipe3(ro.FromSlice(in), ro.Map(plusOne), ro.Map(plusOne), ro.Map(plusOne))
	o.Subscribe(ro.OnNext(func(v int) { sum += v })).Wait()
	return sum
}

func loopSum(in []int) int {
	fs := []func(int) int{plusOne, plusOne, plusOne}
	sum := 0
	for _, v := range in {
		for _, f := range fs {
			v = f(v)
		}
		sum += v
	}
	return sum
}

// channelSum is the pipeline most programs write: a goroutine and a channel of
// 64 a stage.
func channelSum(in []int) int {
	var wg sync.WaitGroup
	stage := func(src <-chan int) <-chan int {
		out := make(chan int, 64)
		wg.Go(func() {
			defer close(out)
			for v := range src {
				out <- plusOne(v)
			}
		})
		return out
	}
	src := make(chan int, 64)
	wg.Go(func() {
		defer close(src)
		for _, v := range in {
			src <- v
		}
	})
	sum := 0
	for v := range stage(stage(stage(src))) {
		sum += v
	}
	wg.Wait()
	return sum
}
