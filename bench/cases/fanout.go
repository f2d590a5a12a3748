package cases

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alitto/pond/v2"
	juniper "github.com/bradenaw/juniper/parallel"
	"github.com/panjf2000/ants/v2"
	lop "github.com/samber/lo/parallel"
	"github.com/sourcegraph/conc/iter"
	"golang.org/x/sync/errgroup"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/fanout"
)

// spin burns about d on the processor.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

func fanouts() []harness.Case {
	var out []harness.Case
	for _, n := range []int{10, 1000, 100_000} {
		out = append(out, mapCase(fmt.Sprintf("Map of %d no-op items", n), n, func(v int) int { return v + 1 }))
	}
	return append(out, mapCase("Map of 1000 items of 1 µs", 1000, func(v int) int { spin(time.Microsecond); return v }))
}

// mapCase is one Map over n items by every row; each checks its results once.
func mapCase(name string, n int, f func(int) int) harness.Case {
	in := make([]int, n)
	for i := range in {
		in[i] = i
	}
	row := func(name string, run func() []int) harness.Row {
		return harness.Row{Name: name, Bench: func(b *testing.B) {
			var got []int
			for b.Loop() {
				got = run()
			}
			if len(got) != n || got[n-1] != f(n-1) {
				b.Fatal("wrong results")
			}
		}}
	}
	procs := runtime.GOMAXPROCS(0)
	ctx := context.Background()
	return harness.Case{Package: "fanout", Name: name, Items: n, Rows: []harness.Row{
		row("weir", func() []int {
			out, err := fanout.Map(ctx, in, func(_ context.Context, v int) (int, error) { return f(v), nil })
			if err != nil {
				return nil
			}
			return out
		}),
		row("juniper", func() []int { return juniper.Map(procs, in, f) }),
		row("conc", func() []int { return iter.Map(in, func(v *int) int { return f(*v) }) }),
		row("lo", func() []int { return lop.Map(in, func(v int, _ int) int { return f(v) }) }),
		row("errgroup, a goroutine an item", func() []int { return errgroupMap(in, f, procs) }),
		row("pond", func() []int { return pondMap(in, f, procs) }),
		row("ants", func() []int { return antsMap(in, f, procs) }),
		row("static chunks (baseline)", func() []int { return chunks(in, f, procs) }),
		row("loop (baseline)", func() []int { return loop(in, f) }),
	}}
}

func loop(in []int, f func(int) int) []int {
	out := make([]int, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func chunks(in []int, f func(int) int, workers int) []int {
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

func errgroupMap(in []int, f func(int) int, workers int) []int {
	out := make([]int, len(in))
	var g errgroup.Group
	g.SetLimit(workers)
	for i, v := range in {
		g.Go(func() error { out[i] = f(v); return nil })
	}
	if g.Wait() != nil {
		return nil
	}
	return out
}

func pondMap(in []int, f func(int) int, workers int) []int {
	out := make([]int, len(in))
	p := pond.NewPool(workers)
	for i, v := range in {
		_ = p.Go(func() { out[i] = f(v) })
	}
	p.StopAndWait()
	return out
}

func antsMap(in []int, f func(int) int, workers int) []int {
	out := make([]int, len(in))
	p, err := ants.NewPool(workers)
	if err != nil {
		return nil
	}
	defer p.Release()
	var wg sync.WaitGroup
	var failed atomic.Bool
	for i, v := range in {
		wg.Add(1)
		if p.Submit(func() { defer wg.Done(); out[i] = f(v) }) != nil {
			wg.Done()
			failed.Store(true)
		}
	}
	wg.Wait()
	if failed.Load() {
		return nil
	}
	return out
}
