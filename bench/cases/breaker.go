package cases

import (
	"context"
	"time"

	resiliency "github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/breaker"
)

func breakers() []harness.Case {
	sony := func(st gobreaker.Settings) func() func() bool {
		return func() func() bool {
			b := gobreaker.NewCircuitBreaker[int](st)
			return func() bool {
				_, err := b.Execute(func() (int, error) { return 0, nil })
				return err == nil
			}
		}
	}
	return []harness.Case{
		{Package: "breaker", Name: "success, consecutive failures", Rows: []harness.Row{
			{Name: "weir", Bench: serial(guarded(breaker.ConsecutiveFailures(5)))},
			{Name: "weir, two steps", Bench: serial(guardedTwoStep(breaker.ConsecutiveFailures(5)))},
			{Name: "gobreaker", Bench: serial(sony(gobreaker.Settings{}))},
			{Name: "failsafe-go, two steps", Bench: serial(failsafeTwoStep)},
			{Name: "go-resiliency", Bench: serial(resiliencySuccess)},
			{Name: "two loads, ctx.Err and a defer (baseline)", Bench: serial(floorDo)},
			{Name: "two loads and ctx.Err, two steps (baseline)", Bench: serial(floorTwoStep)},
			{Name: "bare call (baseline)", Bench: serial(bareCall)},
		}},
		{Package: "breaker", Name: "success, rolling time window", Rows: []harness.Row{
			{Name: "weir", Bench: serial(guarded(breaker.FailureRate(0.5, 20), breaker.Window(10*time.Second)))},
			{Name: "gobreaker", Bench: serial(sony(gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: time.Second}))},
			{Name: "failsafe-go, two steps", Bench: serial(failsafeWindow)},
			{Name: "add, ctx.Err and a defer (baseline)", Bench: serial(floorWindow)},
		}},
		{Package: "breaker", Name: "success, window of 100 calls", Rows: []harness.Row{
			{Name: "weir", Bench: serial(guarded(breaker.FailureRate(0.5, 20), breaker.CountWindow(100)))},
			{Name: "weir, two steps", Bench: serial(guardedTwoStep(breaker.FailureRate(0.5, 20), breaker.CountWindow(100)))},
			{Name: "failsafe-go, two steps", Bench: serial(failsafeCountWindow)},
		}},
		{Package: "breaker", Name: "rejection, open", Rows: []harness.Row{
			{Name: "weir", Bench: serial(open)},
			{Name: "gobreaker", Bench: serial(sonyOpen)},
			{Name: "failsafe-go, two steps", Bench: serial(failsafeOpen)},
			{Name: "go-resiliency", Bench: serial(resiliencyOpen)},
			{Name: "two loads (baseline)", Bench: serial(floorOpen)},
		}},
		{Package: "breaker", Name: "success from every processor", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, guarded(breaker.ConsecutiveFailures(5)))},
			{Name: "weir, window", Bench: parallel(1, guarded(breaker.FailureRate(0.5, 20), breaker.Window(10*time.Second)))},
			{Name: "gobreaker", Bench: parallel(1, sony(gobreaker.Settings{}))},
			{Name: "go-resiliency", Bench: parallel(1, resiliencySuccess)},
		}},
	}
}

func guarded(opts ...breaker.Option) func() func() bool {
	ctx := context.Background()
	ok := func(context.Context) error { return nil }
	return func() func() bool {
		b := breaker.New(opts...)
		return func() bool { return b.Do(ctx, ok) == nil }
	}
}

func guardedTwoStep(opts ...breaker.Option) func() func() bool {
	ctx := context.Background()
	return func() func() bool {
		b := breaker.New(opts...)
		return func() bool {
			p, err := b.Acquire(ctx)
			if err != nil {
				return false
			}
			p.Done(nil)
			return true
		}
	}
}

func failsafeTwoStep() func() bool {
	return failsafePair(circuitbreaker.NewBuilder[any]().WithFailureThreshold(5).Build())
}

func failsafeWindow() func() bool {
	return failsafePair(circuitbreaker.NewBuilder[any]().WithFailureRateThreshold(0.5, 20, 10*time.Second).Build())
}

func failsafeCountWindow() func() bool {
	return failsafePair(circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(50, 100).Build())
}

func failsafePair(b circuitbreaker.CircuitBreaker[any]) func() bool {
	return func() bool {
		if !b.TryAcquirePermit() {
			return false
		}
		b.RecordSuccess()
		return true
	}
}

func resiliencySuccess() func() bool {
	b := resiliency.New(5, 1, time.Minute)
	ok := func() error { return nil }
	return func() bool { return b.Run(ok) == nil }
}

func open() func() bool {
	b, ctx := breaker.New(breaker.OpenFor(time.Hour)), context.Background()
	b.ForceOpen(errWork)
	ok := func(context.Context) error { return nil }
	return func() bool { return b.Do(ctx, ok) != nil }
}

func sonyOpen() func() bool {
	b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Timeout: time.Hour,
		ReadyToTrip: func(gobreaker.Counts) bool { return true }})
	_, _ = b.Execute(func() (int, error) { return 0, errWork })
	return func() bool {
		_, err := b.Execute(func() (int, error) { return 0, nil })
		return err != nil
	}
}

func failsafeOpen() func() bool {
	b := circuitbreaker.NewBuilder[any]().WithDelay(time.Hour).Build()
	b.Open()
	return func() bool { return !b.TryAcquirePermit() }
}

func resiliencyOpen() func() bool {
	b := resiliency.New(1, 1, time.Hour)
	_ = b.Run(func() error { return errWork })
	ok := func() error { return nil }
	return func() bool { return b.Run(ok) != nil }
}
