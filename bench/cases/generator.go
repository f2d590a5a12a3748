package cases

import (
	"context"
	"iter"
	"testing"

	"github.com/bradenaw/juniper/iterator"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/generator"
)

const generatorItems = 10_000

func generators() []harness.Case {
	ctx := context.Background()
	want := generatorItems * (generatorItems - 1) / 2
	row := func(name string, run func() int) harness.Row {
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
	count := func(_ context.Context, yield func(int) bool) error {
		for i := 0; i < generatorItems && yield(i); i++ {
		}
		return nil
	}
	return []harness.Case{
		{Package: "generator", Name: "range over All", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumSeq(generator.New(ctx, count).All()) }),
			row("juniper iterator", func() int {
				sum, it := 0, iterator.Counter(generatorItems)
				for v, ok := it.Next(); ok; v, ok = it.Next() {
					sum += v
				}
				return sum
			}),
			row("iter.Seq (baseline)", func() int {
				return sumSeq(func(yield func(int) bool) { _ = count(ctx, yield) })
			}),
		}},
		{Package: "generator", Name: "Next, value by value", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumNext(generator.New(ctx, count)) }),
			row("iter.Pull (baseline)", func() int {
				next, stop := iter.Pull(func(yield func(int) bool) { _ = count(ctx, yield) })
				defer stop()
				sum := 0
				for v, ok := next(); ok; v, ok = next() {
					sum += v
				}
				return sum
			}),
		}},
		{Package: "generator", Name: "prefetched by 64", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumSeq(generator.New(ctx, count, generator.Buffer(64)).All()) }),
			row("channel of 64", func() int { return chanSum(nil) }),
			row("channel of 64 with a done channel", func() int { return chanSum(make(chan struct{})) }),
		}},
	}
}

func sumSeq(seq iter.Seq[int]) int {
	sum := 0
	for v := range seq {
		sum += v
	}
	return sum
}

func sumNext(g *generator.Generator[int]) int {
	defer g.Close()
	sum := 0
	for v, ok := g.Next(); ok; v, ok = g.Next() {
		sum += v
	}
	return sum
}

// chanSum counts in a goroutine; with done every send can be cancelled.
func chanSum(done <-chan struct{}) int {
	c := make(chan int, 64)
	go func() {
		defer close(c)
		for i := range generatorItems {
			if done == nil {
				c <- i
				continue
			}
			select {
			case c <- i:
			case <-done:
				return
			}
		}
	}()
	sum := 0
	for v := range c {
		sum += v
	}
	return sum
}
