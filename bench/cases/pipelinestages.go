package cases

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/pipeline"
)

// queued is three stages with a goroutine and a queue behind each. The first of them
// runs on the goroutine of the source.
func queued(p *pipeline.Pipeline[int, int], size int) *pipeline.Pipeline[int, int] {
	for range 3 {
		p = p.Apply(plusOne, pipeline.Buffer(size))
	}
	return p
}

// apart is queued with the source on a goroutine of its own, as in the others.
func apart(size int) *pipeline.Pipeline[int, int] {
	return queued(pipeline.New[int]().Skip(0, pipeline.Buffer(size)), size)
}

// queues measures stages that run on goroutines of their own. All of them can be
// cancelled but for the rows that say otherwise.
func queues(row func(string, int, func() int) harness.Row, in []int, want int) []harness.Case {
	ending, cancel := context.WithCancel(context.Background())
	_ = cancel // never called: a context that may end is what is measured
	ten, wantTen := in[:10], 10*9/2+3*10
	weir := func(name string, in []int, want int, p *pipeline.Pipeline[int, int]) harness.Row {
		return row(name, want, func() int { return sumStream(ending, p, in) })
	}
	return []harness.Case{
		{Package: "pipeline", Name: "three stages, a goroutine each", Items: len(in), Rows: []harness.Row{
			weir("weir, Buffer(64)", in, want, apart(64)),
			weir("weir, Buffer(1024)", in, want, apart(1024)),
			weir("weir, Buffer(64), source and first stage fused", in, want, queued(pipeline.New[int](), 64)),
			row("channels of 64 with ctx", want, func() int { return ctxStagesSum(ending, in, 3) }),
			row("channels of 64, no cancel", want, func() int { return channelSum(in) }),
			row("rings of 64, no cancel (floor)", want, func() int { return floorSum(in, 64) }),
			row("rings of 1024, no cancel (floor)", want, func() int { return floorSum(in, 1024) }),
		}},
		{Package: "pipeline", Name: "one parallel ordered stage between goroutines", Items: len(in), Rows: []harness.Row{
			weir("weir", in, want, parallelStage()),
			row("channels of 64 with ctx, a goroutine a stage", want, func() int { return ctxStagesSum(ending, in, 1) }),
		}},
		{Package: "pipeline", Name: "ten items through one stage with a queue", Rows: []harness.Row{
			weir("weir, Buffer(64)", ten, wantTen, pipeline.New[int]().Apply(plusThree, pipeline.Buffer(64))),
			weir("weir, Buffer(1<<20)", ten, wantTen, pipeline.New[int]().Apply(plusThree, pipeline.Buffer(1<<20))),
			row("channel of 64 with ctx", wantTen, func() int { return ctxStagesSum(ending, ten, 0) + 3*10 }),
		}},
		{Package: "pipeline", Name: "ten items through one parallel ordered stage", Rows: []harness.Row{
			weir("weir", ten, wantTen, parallelStage()),
			row("channels of 64 with ctx, one worker", wantTen, func() int { return ctxStagesSum(ending, ten, 1) }),
		}},
		{Package: "pipeline", Name: "an item every 100 µs through three stages: its way", Rows: []harness.Row{
			{Name: "weir, Buffer(64)", Bench: latency(func(ctx context.Context, src func(func(time.Time) bool), sink func(time.Time)) {
				p := pipeline.New[time.Time]().Skip(0, pipeline.Buffer(64))
				for range 3 {
					p = p.Skip(0, pipeline.Buffer(64))
				}
				for v, err := range p.Stream(ctx, src) {
					if err != nil {
						return // an item is missing: latency fails
					}
					sink(v)
				}
			})},
			{Name: "channels of 64 with ctx", Bench: latency(func(ctx context.Context, src func(func(time.Time) bool), sink func(time.Time)) {
				ctxStages(ctx, src, 3, func(v time.Time) time.Time { return v }, sink)
			})},
		}},
	}
}

func plusThree(v int) int { return v + 3 }

func parallelStage() *pipeline.Pipeline[int, int] {
	return pipeline.New[int]().Apply(plusThree, pipeline.Workers(2))
}

// latency measures how long an item is under way that comes after a pause, in which
// all goroutines have gone to sleep.
func latency(run func(ctx context.Context, src func(func(time.Time) bool), sink func(time.Time))) func(b *testing.B) {
	return func(b *testing.B) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var under time.Duration
		n := 0
		src := func(yield func(time.Time) bool) {
			for range b.N {
				time.Sleep(100 * time.Microsecond)
				if !yield(time.Now()) {
					return
				}
			}
		}
		run(ctx, src, func(sent time.Time) {
			under += time.Since(sent)
			n++
		})
		if n != b.N {
			b.Fatalf("got %d items, want %d", n, b.N)
		}
		b.ReportMetric(float64(under.Nanoseconds())/float64(b.N), "ns/op")
	}
}

// ctxStagesSum takes in through stages of channels with ctx on both sides.
func ctxStagesSum(ctx context.Context, in []int, stages int) int {
	sum, f := 0, plusOne
	if stages == 1 {
		f = plusThree
	}
	ctxStages(ctx, slices.Values(in), stages, f, func(v int) { sum += v })
	return sum
}

// ctxStages is how stages are written by hand that can be cancelled: a goroutine and
// a channel of 64 for the source and for each of them, and the context beside each
// send and each receive.
func ctxStages[T any](ctx context.Context, src func(func(T) bool), stages int, f func(T) T, sink func(T)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	first := make(chan T, 64)
	running.Go(func() {
		defer close(first)
		src(func(v T) bool {
			select {
			case first <- v:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	from := first
	for range stages {
		from = ctxStage(ctx, &running, from, f)
	}
	ctxEach(ctx, from, func(v T) bool { sink(v); return true })
}

func ctxStage[T any](ctx context.Context, running *sync.WaitGroup, from <-chan T, f func(T) T) chan T {
	to := make(chan T, 64)
	running.Go(func() {
		defer close(to)
		ctxEach(ctx, from, func(v T) bool {
			select {
			case to <- f(v):
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	return to
}

func ctxEach[T any](ctx context.Context, from <-chan T, f func(T) bool) {
	for {
		select {
		case v, ok := <-from:
			if !ok || !f(v) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
