package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/weirkit/weir/retry"
)

//go:noinline
func work(context.Context) error { return nil }

//go:noinline
func typedWork(context.Context) (int, error) { return 1, nil }

// The baseline is the bare call of a function that is not inlined.
func BenchmarkSuccess(b *testing.B) {
	ctx := b.Context()
	plain := retry.New()
	tests := []struct {
		name string
		op   func() error
	}{
		{"bare", func() error { return work(ctx) }},
		{"weir", func() error { return plain.Do(ctx, work) }},
		{"weir-typed", func() error { _, err := retry.Do(ctx, plain, typedWork); return err }},
		{"weir-twostep", func() error {
			call := plain.Begin(ctx)
			for call.Next(work(call.Context())) {
			}
			return call.Err()
		}},
	}
	for _, o := range []struct {
		name string
		opt  retry.Option
	}{
		{"elapsed", retry.MaxElapsed(time.Hour)},
		{"budget", retry.Spend(retry.NewBudget(0.1, 3))},
		{"counted", retry.Counted()},
		{"attempttimeout", retry.AttemptTimeout(time.Hour)},
		{"hedge", retry.Hedge(time.Hour)},
		{"hedgequantile", retry.HedgeQuantile(0.95, time.Hour)},
	} {
		p := retry.New(o.opt)
		tests = append(tests, struct {
			name string
			op   func() error
		}{"weir-" + o.name, func() error { return p.Do(ctx, work) }})
	}
	for _, tt := range tests {
		b.Run("impl="+tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if tt.op() != nil {
					b.Fatal("the call failed")
				}
			}
		})
	}
}

func BenchmarkSuccessParallel(b *testing.B) {
	ctx := b.Context()
	for name, p := range map[string]*retry.Policy{
		"weir":         retry.New(),
		"weir-budget":  retry.New(retry.Spend(retry.NewBudget(0.1, 3))),
		"weir-counted": retry.New(retry.Counted()),
	} {
		b.Run("impl="+name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(ctx, work)
				}
			})
		})
	}
}

// A retry without a pause: what the policy itself costs.
func BenchmarkRetry(b *testing.B) {
	for name, p := range map[string]*retry.Policy{
		"weir":        constant(0),
		"weir-budget": constant(0, retry.Spend(retry.NewBudget(1000, 1_000_000))),
	} {
		b.Run("impl="+name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			flaky := func(context.Context) error {
				if n++; n%2 == 1 {
					return errBoom
				}
				return nil
			}
			for b.Loop() {
				if p.Do(context.Background(), flaky) != nil {
					b.Fatal("the call failed")
				}
			}
		})
	}
}
