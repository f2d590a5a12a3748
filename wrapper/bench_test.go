package wrapper_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func fourParts() []wrapper.Layer {
	return []wrapper.Layer{retry.New(), breaker.New(breaker.ConsecutiveFailures(5)), ratelimit.New(ratelimit.PerSecond(1_000_000_000), 1_000_000), semaphore.New(1000)}
}

func BenchmarkDo(b *testing.B) {
	tests := []struct {
		name   string
		layers []wrapper.Layer
	}{
		{"layers=none", nil},
		{"layers=4", fourParts()},
		{"layers=4+timeout", append([]wrapper.Layer{wrapper.Timeout(time.Hour)}, fourParts()...)},
		{"layers=4+attempt", append(fourParts(), wrapper.AttemptTimeout(time.Hour))},
	}
	for _, tt := range tests {
		w, ctx := wrapper.Compose(tt.layers...), context.Background()
		b.Run(tt.name+"/call=idle", func(b *testing.B) {
			for b.Loop() {
				_, _ = wrapper.Do(ctx, w, func(context.Context) (int, error) { return 1, nil })
			}
		})
		b.Run(tt.name+"/call=listens", func(b *testing.B) {
			for b.Loop() {
				_, _ = wrapper.Do(ctx, w, func(ctx context.Context) (int, error) { _ = ctx.Done(); return 1, nil })
			}
		})
		b.Run(tt.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = wrapper.Do(ctx, w, func(context.Context) (int, error) { return 1, nil })
				}
			})
		})
	}
	b.Run("baseline=clock+5atomics", func(b *testing.B) {
		var n [5]atomic.Int64
		base := time.Now()
		for b.Loop() {
			n[0].Add(int64(time.Since(base)))
			for i := range n[1:] {
				n[i+1].Add(1)
			}
		}
	})
	b.Run("baseline=WithTimeoutCause", func(b *testing.B) {
		for b.Loop() {
			_, cancel := context.WithTimeoutCause(context.Background(), time.Hour, wrapper.ErrTimeout)
			cancel()
		}
	})
}

// BenchmarkThrough is what a layer costs that the frames of a wrapper do not know,
// beside the same without a wrapper.
func BenchmarkThrough(b *testing.B) {
	ctx := wrapper.WithOverride(context.Background(), wrapper.Override{Key: "k"})
	call := func(context.Context) (int, error) { return 1, nil }
	hedge := retry.New(retry.MaxRetries(0), retry.Hedge(time.Hour))
	keyed := wrapper.NewKeyed(func(string) []wrapper.Layer { return fourParts() })
	b.Run("layer=hedge", func(b *testing.B) {
		w := wrapper.Compose(hedge)
		for b.Loop() {
			_, _ = wrapper.Do(ctx, w, call)
		}
	})
	b.Run("layer=hedge/baseline=retry.Do", func(b *testing.B) {
		for b.Loop() {
			_, _ = retry.Do(ctx, hedge, call)
		}
	})
	b.Run("layer=keyed", func(b *testing.B) {
		w := wrapper.Compose(wrapper.PerKey(keyed))
		for b.Loop() {
			_, _ = wrapper.Do(ctx, w, call)
		}
	})
	b.Run("layer=keyed/baseline=DoKeyed", func(b *testing.B) {
		for b.Loop() {
			_, _ = wrapper.DoKeyed(ctx, keyed, "k", call)
		}
	})
}

func BenchmarkProcess(b *testing.B) {
	items := make([]int, 100_000)
	noop := func(_ context.Context, n int) (int, error) { return n, nil }
	perItem := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/item")
	}
	b.Run("baseline=fanout.Settle", func(b *testing.B) {
		for b.Loop() {
			_ = fanout.Settle(context.Background(), items, noop)
		}
		perItem(b)
	})
	b.Run("baseline=fanout.Settle/workers=2", func(b *testing.B) {
		for b.Loop() {
			_ = fanout.Settle(context.Background(), items, noop, fanout.Workers(2))
		}
		perItem(b)
	})
	for _, tt := range []struct {
		name   string
		layers []wrapper.Layer
	}{{"layers=none", nil}, {"layers=4", fourParts()}} {
		w := wrapper.Compose(tt.layers...)
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				_, _ = wrapper.Process(context.Background(), w, items, noop)
			}
			perItem(b)
		})
		b.Run(tt.name+"/workers=2", func(b *testing.B) {
			for b.Loop() {
				_, _ = wrapper.Process(context.Background(), w, items, noop, wrapper.Workers(2))
			}
			perItem(b)
		})
	}
}
