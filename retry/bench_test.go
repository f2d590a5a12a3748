package retry_test

import (
	"context"
	"testing"

	"github.com/weirkit/weir/retry"
)

func BenchmarkSuccess(b *testing.B) {
	ctx := b.Context()
	fn := func(context.Context) error { return nil }
	typed := func(context.Context) (int, error) { return 1, nil }
	plain, budget := retry.New(), retry.New(retry.Spend(retry.NewBudget(0.1, 3)))
	b.Run("impl=bare", func(b *testing.B) {
		for b.Loop() {
			_ = fn(ctx)
		}
	})
	b.Run("impl=weir", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = plain.Do(ctx, fn)
		}
	})
	b.Run("impl=weir-background", func(b *testing.B) {
		for b.Loop() {
			_ = plain.Do(context.Background(), fn)
		}
	})
	b.Run("impl=weir-typed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = retry.Do(ctx, plain, typed)
		}
	})
	b.Run("impl=weir-budget", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = budget.Do(ctx, fn)
		}
	})
}

func BenchmarkSuccessParallel(b *testing.B) {
	ctx := context.Background()
	fn := func(context.Context) error { return nil }
	for name, p := range map[string]*retry.Policy{"weir": retry.New(), "weir-budget": retry.New(retry.Spend(retry.NewBudget(0.1, 3)))} {
		b.Run("impl="+name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(ctx, fn)
				}
			})
		})
	}
}
