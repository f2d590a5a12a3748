package cases

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	xsemaphore "golang.org/x/sync/semaphore"

	weirsem "github.com/weirkit/weir/semaphore"
)

// BenchmarkSemaphoreFairness has goroutines acquire and release for two seconds,
// with a short critical section, and tells how long an acquisition takes and how
// often the busiest goroutine had one for each of the least busy:
//
//	GOWORK=off go test -run '^$' -bench SemaphoreFairness -benchtime 1x ./cases
func BenchmarkSemaphoreFairness(b *testing.B) {
	for _, g := range []struct{ goroutines, permits int }{{8, 2}, {64, 4}} {
		x := xsemaphore.NewWeighted(int64(g.permits))
		own := weirsem.New(int64(g.permits))
		fifo := weirsem.New(int64(g.permits), weirsem.FIFO())
		ch := make(chan struct{}, g.permits)
		ctx := context.Background()
		for _, c := range []struct {
			name             string
			acquire, release func()
		}{
			{"weir", func() { _ = own.Acquire(ctx, 1) }, func() { own.Release(1) }},
			{"weir-fifo", func() { _ = fifo.Acquire(ctx, 1) }, func() { fifo.Release(1) }},
			{"xsync", func() { _ = x.Acquire(ctx, 1) }, func() { x.Release(1) }},
			{"channel", func() { ch <- struct{}{} }, func() { <-ch }},
		} {
			b.Run(fmt.Sprintf("goroutines=%d/permits=%d/impl=%s", g.goroutines, g.permits, c.name), func(b *testing.B) {
				for b.Loop() {
					total, most, fewest := contend(g.goroutines, 2*time.Second, c.acquire, c.release)
					b.ReportMetric(2e9/float64(total), "ns/acquire")
					b.ReportMetric(float64(most)/float64(max(fewest, 1)), "max/min")
				}
			})
		}
	}
}

// contend returns how many acquisitions there were in all, of the goroutine with
// most of them and of that with fewest.
func contend(goroutines int, d time.Duration, acquire, release func()) (total, most, fewest int64) {
	counts := make([]struct {
		n int64
		_ [120]byte
	}, goroutines)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			for !stop.Load() {
				acquire()
				for i := range 20 {
					_ = i
				}
				release()
				counts[i].n++
			}
		})
	}
	time.Sleep(d)
	stop.Store(true)
	wg.Wait()
	fewest = counts[0].n
	for i := range counts {
		total, most, fewest = total+counts[i].n, max(most, counts[i].n), min(fewest, counts[i].n)
	}
	return total, most, fewest
}
