package breaker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/weirkit/weir/breaker"
)

// locked is the baseline: a breaker of consecutive failures as one writes it
// with a mutex.
type locked struct {
	mu       sync.Mutex
	failures int
	limit    int
	openedAt time.Time
	openFor  time.Duration
}

func (l *locked) Do(ctx context.Context, fn func(context.Context) error) error {
	l.mu.Lock()
	open := l.failures >= l.limit && time.Since(l.openedAt) < l.openFor
	l.mu.Unlock()
	if open {
		return breaker.ErrOpen
	}
	err := fn(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.failures = 0
		return nil
	}
	l.failures++
	l.openedAt = time.Now()
	return err
}

type doer interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

func window() breaker.Option { return breaker.Window(10 * time.Second) }

func impls() []struct {
	name string
	d    doer
} {
	return []struct {
		name string
		d    doer
	}{
		{"mutex", &locked{limit: 5, openFor: time.Minute}},
		{"consecutive", breaker.New(breaker.ConsecutiveFailures(5))},
		{"default", breaker.New()},
		{"rate", breaker.New(breaker.FailureRate(0.5, 20), window())},
		{"count-window", breaker.New(breaker.FailureRate(0.5, 20), breaker.CountWindow(100))},
		{"slow", breaker.New(breaker.SlowCallRate(time.Second, 0.5, 20), window())},
		{"stuck", breaker.New(breaker.StuckCalls(time.Minute, 100))},
		{"counted", breaker.New(breaker.ConsecutiveFailures(5), breaker.Counted())},
		{"keyed", keyed{breaker.NewKeyed[string](breaker.ConsecutiveFailures(5))}},
	}
}

type keyed struct{ k *breaker.Keyed[string] }

func (k keyed) Do(ctx context.Context, fn func(context.Context) error) error {
	return k.k.Do(ctx, "api.example.com", fn)
}

func BenchmarkSuccess(b *testing.B) {
	for _, c := range impls() {
		b.Run("impl="+c.name, func(b *testing.B) {
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_ = c.d.Do(ctx, succeed)
			}
		})
	}
}

func BenchmarkSuccessParallel(b *testing.B) {
	for _, c := range impls() {
		b.Run("impl="+c.name, func(b *testing.B) {
			ctx := context.Background()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = c.d.Do(ctx, succeed)
				}
			})
		})
	}
}

func BenchmarkTwoSteps(b *testing.B) {
	ctx, br := context.Background(), breaker.New(breaker.ConsecutiveFailures(5))
	b.ReportAllocs()
	for b.Loop() {
		p, _ := br.Acquire(ctx)
		p.Done(nil)
	}
}

func BenchmarkResult(b *testing.B) {
	ctx, br := context.Background(), breaker.New(breaker.ConsecutiveFailures(5))
	fn := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	for b.Loop() {
		_, _ = breaker.Do(ctx, br, fn)
	}
}

func BenchmarkFailure(b *testing.B) {
	for _, c := range []struct {
		name string
		d    doer
	}{
		{"mutex", &locked{limit: 1 << 30, openFor: time.Minute}},
		{"consecutive", breaker.New(breaker.ConsecutiveFailures(1 << 30))},
		{"rate", breaker.New(breaker.FailureRate(1, 1<<30), window())},
	} {
		b.Run("impl="+c.name, func(b *testing.B) {
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_ = c.d.Do(ctx, fail)
			}
		})
	}
}

func BenchmarkRejection(b *testing.B) {
	ctx := context.Background()
	base := &locked{limit: 1, openFor: time.Hour}
	_ = base.Do(ctx, fail)
	br := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour))
	_ = br.Do(ctx, fail)
	for _, c := range []struct {
		name string
		d    doer
	}{{"mutex", base}, {"weir", br}} {
		b.Run("impl="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.d.Do(ctx, succeed)
			}
		})
	}
	b.Run("impl=weir-ready", func(b *testing.B) {
		for b.Loop() {
			_ = br.Ready()
		}
	})
}
