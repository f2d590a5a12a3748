package cases

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/semaphore"
	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	xsemaphore "golang.org/x/sync/semaphore"

	"github.com/weirkit/weir/bench/internal/harness"
	weirsem "github.com/weirkit/weir/semaphore"
)

func semaphores() []harness.Case {
	return slices.Concat(permits(), resized(), furtherSemaphores())
}

func permits() []harness.Case {
	return []harness.Case{
		{Package: "semaphore", Name: "Acquire and Release, nobody else", Rows: []harness.Row{
			{Name: "weir", Bench: serial(pair(10))},
			{Name: "x/sync/semaphore", Bench: serial(xsyncPair(10))},
			{Name: "channel", Bench: serial(channelPair(10))},
			{Name: "failsafe-go bulkhead", Bench: serial(bulkheadPair)},
			{Name: "go-resiliency", Bench: serial(resiliencyPair)},
			{Name: "mutex (baseline)", Bench: serial(mutexPair)},
		}},
		{Package: "semaphore", Name: "every processor, 8 goroutines each, 2 permits", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(8, pair(2))},
			{Name: "weir FIFO", Bench: parallel(8, pair(2, weirsem.FIFO()))},
			{Name: "x/sync/semaphore", Bench: parallel(8, xsyncPair(2))},
			{Name: "channel", Bench: parallel(8, channelPair(2))},
		}},
		{Package: "semaphore", Name: "every processor, 32 goroutines each, 4 permits", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(32, pair(4))},
			{Name: "weir FIFO", Bench: parallel(32, pair(4, weirsem.FIFO()))},
			{Name: "x/sync/semaphore", Bench: parallel(32, xsyncPair(4))},
			{Name: "channel", Bench: parallel(32, channelPair(4))},
		}},
		{Package: "semaphore", Name: "every processor, permits to spare", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, pair(100))},
			{Name: "x/sync/semaphore", Bench: parallel(1, xsyncPair(100))},
			{Name: "channel", Bench: parallel(1, channelPair(100))},
			{Name: "mutex (baseline)", Bench: parallel(1, mutexPair)},
		}},
		{Package: "semaphore", Name: "TryAcquire, full", Rows: []harness.Row{
			{Name: "weir", Bench: serial(full)},
			{Name: "x/sync/semaphore", Bench: serial(xsyncFull)},
			{Name: "one load (baseline)", Bench: serial(oneLoad)},
		}},
	}
}

func resized() []harness.Case {
	return []harness.Case{
		{Package: "semaphore", Name: "Acquire and Release, nobody else, after a SetLimit", Rows: []harness.Row{
			{Name: "weir", Bench: serial(resizedPair)},
			{Name: "weir, never resized", Bench: serial(pair(10))},
			{Name: "x/sync/semaphore, cannot be resized", Bench: serial(xsyncPair(10))},
			{Name: "mutex (baseline)", Bench: serial(mutexPair)},
		}},
		{Package: "semaphore", Name: "every processor, permits to spare, after a SetLimit", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, resizedPair)},
			{Name: "x/sync/semaphore, cannot be resized", Bench: parallel(1, xsyncPair(10))},
		}},
		{Package: "semaphore", Name: "TryAcquire, full, after a SetLimit", Rows: []harness.Row{
			{Name: "weir", Bench: serial(resizedFull)},
			{Name: "x/sync/semaphore, cannot be resized", Bench: serial(xsyncFull)},
		}},
	}
}

func furtherSemaphores() []harness.Case {
	return []harness.Case{
		{Package: "semaphore", Name: "Keyed, 64 keys in turn, nobody else", Rows: []harness.Row{
			{Name: "weir", Bench: serial(keyedPair)},
			{Name: "x/sync in a map, idle keys go", Bench: serial(mapPair(true))},
			{Name: "x/sync in a map, keys stay for ever", Bench: serial(mapPair(false))},
		}},
		{Package: "semaphore", Name: "Keyed, every processor, 8 goroutines each, 64 keys in turn", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(8, keyedPair)},
			{Name: "x/sync in a map, idle keys go", Bench: parallel(8, mapPair(true))},
			{Name: "x/sync in a map, keys stay for ever", Bench: parallel(8, mapPair(false))},
		}},
		{Package: "semaphore", Name: "Adaptive, nobody else", Rows: []harness.Row{
			{Name: "weir", Bench: serial(adaptivePair)},
			{Name: "weir Do", Bench: serial(adaptiveDo)},
			{Name: "failsafe-go adaptivelimiter", Bench: serial(failsafeAdaptivePair)},
		}},
		{Package: "semaphore", Name: "Adaptive, every processor, permits to spare", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, adaptivePair)},
			{Name: "weir Do", Bench: parallel(1, adaptiveDo)},
			{Name: "failsafe-go adaptivelimiter", Bench: parallel(1, failsafeAdaptivePair)},
		}},
	}
}

// These return acquire plus release as one operation. They are not inlined
// themselves: into what is, or is large, the compiler inlines nothing in turn, as
// it does into ordinary callers of all of these.

//go:noinline
func pair(limit int64, opts ...weirsem.Option) func() func() bool {
	return func() func() bool {
		s, ctx := weirsem.New(limit, opts...), context.Background()
		return func() bool {
			if s.Acquire(ctx, 1) != nil {
				return false
			}
			s.Release(1)
			return true
		}
	}
}

//go:noinline
func xsyncPair(limit int64) func() func() bool {
	return func() func() bool {
		s, ctx := xsemaphore.NewWeighted(limit), context.Background()
		return func() bool {
			if s.Acquire(ctx, 1) != nil {
				return false
			}
			s.Release(1)
			return true
		}
	}
}

//go:noinline
func channelPair(limit int64) func() func() bool {
	return func() func() bool {
		c := make(chan struct{}, limit)
		return func() bool { c <- struct{}{}; <-c; return true }
	}
}

//go:noinline
func bulkheadPair() func() bool {
	s, ctx := bulkhead.New[any](10), context.Background()
	return func() bool {
		if s.AcquirePermit(ctx) != nil {
			return false
		}
		s.ReleasePermit()
		return true
	}
}

//go:noinline
func resiliencyPair() func() bool {
	s := semaphore.New(10, time.Second)
	return func() bool {
		if s.Acquire() != nil {
			return false
		}
		s.Release()
		return true
	}
}

//go:noinline
func mutexPair() func() bool {
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return true
	}
}

//go:noinline
func full() func() bool {
	s := weirsem.New(1)
	s.TryAcquire(1)
	return func() bool { return !s.TryAcquire(1) }
}

//go:noinline
func resizedFull() func() bool {
	s := weirsem.New(2)
	s.SetLimit(1)
	s.TryAcquire(1)
	return func() bool { return !s.TryAcquire(1) }
}

//go:noinline
func oneLoad() func() bool {
	var n atomic.Int64
	return func() bool { return n.Load() == 0 }
}

//go:noinline
func xsyncFull() func() bool {
	s := xsemaphore.NewWeighted(1)
	s.TryAcquire(1)
	return func() bool { return !s.TryAcquire(1) }
}

//go:noinline
func resizedPair() func() bool {
	s, ctx := weirsem.New(100), context.Background()
	s.SetLimit(10)
	return func() bool {
		if s.Acquire(ctx, 1) != nil {
			return false
		}
		s.Release(1)
		return true
	}
}

// keyCount is how many keys those of Keyed use, one after the other.
const keyCount = 64

//go:noinline
func keyedPair() func() bool {
	k, ctx := weirsem.NewKeyed[uint64](10), context.Background()
	var calls atomic.Uint64
	return func() bool {
		key := calls.Add(1) % keyCount
		if k.Acquire(ctx, key, 1) != nil {
			return false
		}
		k.Release(key, 1)
		return true
	}
}

// mapPair is what one writes without a Keyed: a map of semaphores under a mutex,
// with a count of the users of each where idle ones are to go.
func mapPair(evict bool) func() func() bool {
	type entry struct {
		sem   *xsemaphore.Weighted
		users int
	}
	return func() func() bool {
		var mu sync.Mutex
		keys, ctx := map[uint64]*entry{}, context.Background()
		var calls atomic.Uint64
		return func() bool {
			key := calls.Add(1) % keyCount
			mu.Lock()
			e := keys[key]
			if e == nil {
				e = &entry{sem: xsemaphore.NewWeighted(10)}
				keys[key] = e
			}
			e.users++
			mu.Unlock()
			if e.sem.Acquire(ctx, 1) != nil {
				return false
			}
			e.sem.Release(1)
			if evict {
				mu.Lock()
				if e.users--; e.users == 0 {
					delete(keys, key)
				}
				mu.Unlock()
			}
			return true
		}
	}
}

//go:noinline
func adaptivePair() func() bool {
	a, ctx := weirsem.NewAdaptive(20, 200), context.Background()
	return func() bool {
		c, err := a.Acquire(ctx)
		if err != nil {
			return false
		}
		c.Success()
		return true
	}
}

//go:noinline
func adaptiveDo() func() bool {
	a, ctx := weirsem.NewAdaptive(20, 200), context.Background()
	nothing := func(context.Context) error { return nil }
	return func() bool { return a.Do(ctx, nothing) == nil }
}

//go:noinline
func failsafeAdaptivePair() func() bool {
	a, ctx := adaptivelimiter.NewBuilder[any]().WithLimits(20, 200, 20).Build(), context.Background()
	return func() bool {
		p, err := a.AcquirePermit(ctx)
		if err != nil {
			return false
		}
		p.Record()
		return true
	}
}
