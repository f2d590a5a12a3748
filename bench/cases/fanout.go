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
	"github.com/sourcegraph/conc/pool"
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
		out = append(out, mapCase(fmt.Sprintf("Map of %d no-op items", n), n, noop))
	}
	return append(out,
		mapCase("Map of 1000 items of 1 µs", 1000, callbacksOf(func(v int) int { spin(time.Microsecond); return v })),
		mapCase("Map of 1000 items, nine of ten of 0.2 µs, then of 10 µs", 1000, callbacksOf(func(v int) int {
			if v < 900 {
				spin(200 * time.Nanosecond)
			} else {
				spin(10 * time.Microsecond)
			}
			return v
		})),
		waitingCase(), groupCase("Group of 1000 no-op tasks", 1000, 2, func(int) {}),
		// Tasks that wait, not all as long: who deals them out beforehand ends with
		// its unluckiest worker.
		groupCase("Group of 1024 tasks of 1 ms, one in 64 of 8 ms, 64 workers", 1024, 64, func(i int) {
			if i%64 == 0 {
				time.Sleep(8 * time.Millisecond)
				return
			}
			time.Sleep(time.Millisecond)
		}))
}

// callbacks are one function in the signature of each library: who uses one writes its
// own, and calls no other from it.
type callbacks struct {
	plain func(int) int
	weir  func(context.Context, int) (int, error)
	conc  func(*int) int
	lo    func(int, int) int
}

var noop = callbacks{
	plain: func(v int) int { return v + 1 },
	weir:  func(_ context.Context, v int) (int, error) { return v + 1, nil },
	conc:  func(v *int) int { return *v + 1 },
	lo:    func(v, _ int) int { return v + 1 },
}

// callbacksOf is for functions that take longer than to call another does.
func callbacksOf(f func(int) int) callbacks {
	return callbacks{
		plain: f,
		weir:  func(_ context.Context, v int) (int, error) { return f(v), nil },
		conc:  func(v *int) int { return f(*v) },
		lo:    func(v, _ int) int { return f(v) },
	}
}

// waitingCase is items that wait, by 64 workers: 8 ms at best.
func waitingCase() harness.Case {
	const n, workers = 512, 64
	wait := func(v int) int { time.Sleep(time.Millisecond); return v }
	in := make([]int, n)
	for i := range in {
		in[i] = i
	}
	row := func(name string, run func() []int) harness.Row {
		return harness.Row{Name: name, Bench: func(b *testing.B) {
			for b.Loop() {
				if got := run(); len(got) != n || got[n-1] != n-1 {
					b.Fatal("wrong results")
				}
			}
		}}
	}
	ctx := context.Background()
	return harness.Case{Package: "fanout", Name: "Map of 512 items that wait 1 ms, 64 workers", Items: n, Rows: []harness.Row{
		row("weir", func() []int {
			out, err := fanout.Map(ctx, in, func(_ context.Context, v int) (int, error) { return wait(v), nil }, fanout.Workers(workers))
			if err != nil {
				return nil
			}
			return out
		}),
		row("juniper", func() []int { return juniper.Map(workers, in, wait) }),
		row("conc", func() []int {
			return iter.Mapper[int, int]{MaxGoroutines: workers}.Map(in, func(v *int) int { return wait(*v) })
		}),
		row("errgroup, a goroutine an item", func() []int { return errgroupMap(in, wait, workers) }),
		row("static chunks (baseline)", func() []int { return chunks(in, wait, workers) }),
	}}
}

// groupCase is n tasks that are added one by one.
func groupCase(name string, n, workers int, task func(i int)) harness.Case {
	row := func(name string, run func(task func()) error) harness.Row {
		return harness.Row{Name: name, Bench: func(b *testing.B) {
			for b.Loop() {
				var calls atomic.Int64
				if err := run(func() { task(int(calls.Add(1))) }); err != nil || calls.Load() != int64(n) {
					b.Fatal("not every task ran")
				}
			}
		}}
	}
	return harness.Case{Package: "fanout", Name: name, Items: n, Rows: []harness.Row{
		row("weir", func(task func()) error {
			g := fanout.NewGroup(context.Background(), fanout.Workers(workers))
			for range n {
				g.Go(func(context.Context) error { task(); return nil })
			}
			return g.Wait()
		}),
		row("errgroup", func(task func()) error {
			var g errgroup.Group
			g.SetLimit(workers)
			for range n {
				g.Go(func() error { task(); return nil })
			}
			return g.Wait()
		}),
		row("conc", func(task func()) error {
			p := pool.New().WithErrors().WithMaxGoroutines(workers)
			for range n {
				p.Go(func() error { task(); return nil })
			}
			return p.Wait()
		}),
	}}
}

// mapCase is one Map over n items by every row; each checks its results once.
func mapCase(name string, n int, call callbacks) harness.Case {
	f := call.plain
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
			out, err := fanout.Map(ctx, in, call.weir)
			if err != nil {
				return nil
			}
			return out
		}),
		row("juniper", func() []int { return juniper.Map(procs, in, f) }),
		row("conc", func() []int { return iter.Map(in, call.conc) }),
		row("lo", func() []int { return lop.Map(in, call.lo) }),
		row("errgroup, a goroutine an item", func() []int { return errgroupMap(in, f, procs) }),
		row("pond", func() []int { return pondMap(in, f, procs) }),
		row("ants", func() []int { return antsMap(in, f, procs) }),
		row("static chunks (baseline)", func() []int { return chunks(in, f, procs) }),
		row("loop (baseline)", func() []int { return loop(in, f) }),
		row("loop of callbacks with ctx and error (baseline)", func() []int { return fallibleLoop(ctx, in, call.weir) }),
	}}
}

//go:noinline
func loop(in []int, f func(int) int) []int {
	out := make([]int, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// fallibleLoop is the loop that a Map is at least: its callback gets a context and may
// fail, and is not known to the compiler.
//
//go:noinline
func fallibleLoop(ctx context.Context, in []int, f func(context.Context, int) (int, error)) []int {
	out := make([]int, len(in))
	for i, v := range in {
		r, err := f(ctx, v)
		if err != nil {
			return nil
		}
		out[i] = r
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
