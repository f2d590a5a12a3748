package cases

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/bradenaw/juniper/iterator"
	"github.com/samber/lo/it"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/generator"
)

const generatorItems = 10_000

type generatorRow func(name string, run func() int) harness.Row

func generators() []harness.Case {
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
	ctx := context.Background()
	ending, cancel := context.WithCancel(ctx)
	_ = cancel // never called: a context that may end is what is measured
	return slices.Concat(lazySteps(row), loops(ctx, row), pulls(ctx, ending, row), prefetches(ctx, ending, row), []harness.Case{overlap()})
}

// count is the producer of most rows.
func count(_ context.Context, yield func(int) bool) error {
	for i := 0; i < generatorItems && yield(i); i++ {
	}
	return nil
}

func loops(ctx context.Context, row generatorRow) []harness.Case {
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
			row("juniper iterator, unknown to the compiler", func() int {
				sum, it := 0, unknown(iterator.Counter(generatorItems))
				for v, ok := it.Next(); ok; v, ok = it.Next() {
					sum += v
				}
				return sum
			}),
			row("iter.Seq, unknown to the compiler (baseline)", func() int {
				return sumSeq(unknown[iter.Seq[int]](func(yield func(int) bool) { _ = count(ctx, yield) }))
			}),
			row("two calls an item (floor)", func() int {
				produce, sum := unknown(count), 0
				body := unknown(func(v int) bool { sum += v; return true })
				_ = produce(ctx, func(v int) bool { return body(v) })
				return sum
			}),
			row("iter.Seq, inlined (baseline)", func() int {
				return sumSeq(func(yield func(int) bool) { _ = count(ctx, yield) })
			}),
		}},
	}
}

func pulls(ctx, ending context.Context, row generatorRow) []harness.Case {
	return []harness.Case{
		{Package: "generator", Name: "range over All, the context may end", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumSeq(generator.New(ending, count).All()) }),
			row("iter.Seq that asks ctx.Err (baseline)", func() int {
				return sumSeq(unknown[iter.Seq[int]](func(yield func(int) bool) {
					for i := 0; i < generatorItems && ending.Err() == nil && yield(i); i++ {
					}
				}))
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
	}
}

func prefetches(ctx, ending context.Context, row generatorRow) []harness.Case {
	return []harness.Case{
		{Package: "generator", Name: "prefetched by 64", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumSeq(generator.New(ctx, count, generator.Buffer(64)).All()) }),
			row("channel of 64", func() int { return chanSum(nil) }),
		}},
		{Package: "generator", Name: "prefetched by 64, the context may end", Items: generatorItems, Rows: []harness.Row{
			row("weir", func() int { return sumSeq(generator.New(ending, count, generator.Buffer(64)).All()) }),
			row("channel of 64 with a done channel", func() int { return chanSum(make(chan struct{})) }),
			row("channel of 64 with ctx on both sides", func() int {
				sum := 0
				ctxStages(ending, generator.Range(0, generatorItems), 0, nil, func(v int) { sum += v })
				return sum
			}),
		}},
	}
}

// unknown hides from the compiler what v is: a call of it cannot be inlined.
//
//go:noinline
func unknown[T any](v T) T { return v }

// overlap measures a producer and a consumer that work a microsecond an item each.
// At best that takes as long as one of them alone.
func overlap() harness.Case {
	const items = 10_000
	work := func(v int) int {
		for range 800 {
			v = v*1103515245 + 12345
		}
		return v
	}
	produce := func(_ context.Context, yield func(int) bool) error {
		for i := 0; i < items && yield(work(i)); i++ {
		}
		return nil
	}
	consume := func(seq iter.Seq[int]) func(b *testing.B) {
		return func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = 0
				for v := range seq {
					if work(v) != 1 {
						n++
					}
				}
			}
			if n != items {
				b.Fatalf("got %d items, want %d", n, items)
			}
		}
	}
	ctx := context.Background()
	return harness.Case{Package: "generator", Name: "1 µs to produce and 1 µs to consume", Items: items, Rows: []harness.Row{
		{Name: "weir, Buffer(64)", Bench: consume(func(yield func(int) bool) {
			for v := range generator.New(ctx, produce, generator.Buffer(64)).All() {
				if !yield(v) {
					return
				}
			}
		})},
		{Name: "channel of 64", Bench: consume(func(yield func(int) bool) {
			c := make(chan int, 64)
			go func() {
				defer close(c)
				_ = produce(ctx, func(v int) bool { c <- v; return true })
			}()
			for v := range c {
				if !yield(v) {
					return
				}
			}
		})},
		{Name: "one after the other (baseline)", Bench: consume(func(yield func(int) bool) { _ = produce(ctx, yield) })},
		{Name: "consumer alone (floor)", Bench: consume(generator.Range(0, items))},
	}}
}

// lazySteps measures a source, Map, Filter and Take, where the compiler sees all of
// them and where it sees none: as parts that functions return.
func lazySteps(row generatorRow) []harness.Case {
	const n = generatorItems
	twice := func(v int) int { return 2 * v }
	keep := func(v int) bool { return v >= 0 }
	byHand := func() iter.Seq[int] {
		return func(yield func(int) bool) {
			for i, left := 0, n; i < n && left > 0; i++ {
				if v := twice(i); keep(v) {
					left--
					if !yield(v) {
						return
					}
				}
			}
		}
	}
	return []harness.Case{
		{Package: "generator", Name: "Range, Map, Filter and Take, seen by the compiler", Items: n, Rows: []harness.Row{
			row("weir", func() int {
				return sumSeq(generator.Take(generator.Filter(generator.Map(generator.Range(0, n), twice), keep), n)) / 2
			}),
			row("lo/it", func() int {
				return sumSeq(it.Take(it.Filter(it.Map(it.Range(n), twice), keep), n)) / 2
			}),
			row("juniper", func() int {
				return sumIterator(iterator.First(iterator.Filter(iterator.Map(iterator.Counter(n), twice), keep), n)) / 2
			}),
			row("iter.Seq by hand (baseline)", func() int { return sumSeq(byHand()) / 2 }),
		}},
		{Package: "generator", Name: "Range, Map, Filter and Take, each unknown to the compiler", Items: n, Rows: []harness.Row{
			row("weir", func() int {
				twice, keep := unknown(twice), unknown(keep)
				doubled := unknown(generator.Map(unknown(generator.Range(0, n)), twice))
				return sumSeq(unknown(generator.Take(unknown(generator.Filter(doubled, keep)), n))) / 2
			}),
			row("lo/it", func() int {
				twice, keep := unknown(twice), unknown(keep)
				doubled := unknown(it.Map(unknown(it.Range(n)), twice))
				return sumSeq(unknown(it.Take(unknown(it.Filter(doubled, keep)), n))) / 2
			}),
			row("juniper", func() int {
				twice, keep := unknown(twice), unknown(keep)
				doubled := unknown(iterator.Map(unknown(iterator.Counter(n)), twice))
				return sumIterator(unknown(iterator.First(unknown(iterator.Filter(doubled, keep)), n))) / 2
			}),
			row("iter.Seq by hand, one step (baseline)", func() int { return sumSeq(unknown(byHand())) / 2 }),
		}},
	}
}

func sumIterator(items iterator.Iterator[int]) int {
	sum := 0
	for v, ok := items.Next(); ok; v, ok = items.Next() {
		sum += v
	}
	return sum
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
