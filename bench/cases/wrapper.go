package cases

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"
	xsemaphore "golang.org/x/sync/semaphore"
	xrate "golang.org/x/time/rate"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func wrappers() []harness.Case {
	return []harness.Case{
		{Package: "wrapper", Name: "retry, limiter, semaphore and breaker around a success", Rows: []harness.Row{
			{Name: "weir", Bench: serial(weirFour(false))},
			{Name: "x/time + x/sync + gobreaker by hand", Bench: serial(byHand(false))},
			{Name: "failsafe-go", Bench: serial(failsafeFour(false))},
		}},
		{Package: "wrapper", Name: "the same with a timeout", Rows: []harness.Row{
			{Name: "weir", Bench: serial(weirFour(true))},
			{Name: "by hand, with context.WithTimeout", Bench: serial(byHand(true))},
			{Name: "failsafe-go", Bench: serial(failsafeFour(true))},
		}},
		{Package: "wrapper", Name: "the four from every processor", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, weirFour(false))},
			{Name: "by hand", Bench: parallel(1, byHand(false))},
		}},
	}
}

func one(context.Context) (int, error) { return 1, nil }

func weirFour(timed bool) func() func() bool {
	return func() func() bool {
		ctx := context.Background()
		var layers []wrapper.Layer
		if timed {
			layers = append(layers, wrapper.Timeout(time.Minute))
		}
		w := wrapper.Compose(append(layers, retry.New(retry.MaxRetries(3)),
			breaker.New(breaker.ConsecutiveFailures(5)),
			ratelimit.New(ratelimit.PerSecond(plentyRate), plentyBurst),
			semaphore.New(100))...)
		return func() bool { v, err := wrapper.Do(ctx, w, one); return v == 1 && err == nil }
	}
}

// byHand is what a careful program writes without a library to compose with.
func byHand(timed bool) func() func() bool {
	return func() func() bool {
		l := xrate.NewLimiter(plentyRate, plentyBurst)
		s := xsemaphore.NewWeighted(100)
		b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
		attempt := func(ctx context.Context) (int, error) {
			if err := l.Wait(ctx); err != nil {
				return 0, err
			}
			if err := s.Acquire(ctx, 1); err != nil {
				return 0, err
			}
			defer s.Release(1)
			return b.Execute(func() (int, error) { return one(ctx) })
		}
		return func() bool {
			ctx := context.Background()
			if timed {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Minute)
				defer cancel()
			}
			for range 4 {
				if v, err := attempt(ctx); err == nil {
					return v == 1
				}
			}
			return false
		}
	}
}

func failsafeFour(timed bool) func() func() bool {
	return func() func() bool {
		var policies []failsafe.Policy[int]
		if timed {
			policies = append(policies, timeout.New[int](time.Minute))
		}
		e := failsafe.With(append(policies,
			retrypolicy.NewBuilder[int]().WithMaxRetries(3).Build(),
			circuitbreaker.NewBuilder[int]().WithFailureThreshold(5).Build(),
			ratelimiter.NewBursty[int](plentyBurst, time.Second),
			bulkhead.New[int](100))...)
		run := func(failsafe.Execution[int]) (int, error) { return 1, nil }
		return func() bool { v, err := e.GetWithExecution(run); return v == 1 && err == nil }
	}
}
