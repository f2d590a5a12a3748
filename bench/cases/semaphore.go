package cases

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/semaphore"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	xsemaphore "golang.org/x/sync/semaphore"

	"github.com/weirkit/weir/bench/internal/harness"
	weirsem "github.com/weirkit/weir/semaphore"
)

func semaphores() []harness.Case {
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
