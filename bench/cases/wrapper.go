package cases

import (
	"context"
	"sync/atomic"
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
	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func wrappers() []harness.Case {
	return []harness.Case{
		{Package: "wrapper", Name: "retry, limiter, semaphore and breaker around a success", Rows: []harness.Row{
			{Name: "weir", Bench: serial(weirFour(false, one))},
			{Name: "x/time + x/sync + gobreaker by hand", Bench: serial(byHand(false, one))},
			{Name: "failsafe-go", Bench: serial(failsafeFour(false, one))},
			{Name: "floor: a clock and 5 atomic operations", Bench: serial(clockAndAtomics)},
		}},
		{Package: "wrapper", Name: "the same with a timeout", Rows: []harness.Row{
			{Name: "weir", Bench: serial(weirFour(true, one))},
			{Name: "by hand, with context.WithTimeout", Bench: serial(byHand(true, one))},
			{Name: "failsafe-go", Bench: serial(failsafeFour(true, one))},
		}},
		{Package: "wrapper", Name: "with a timeout, and a call that listens for its end", Rows: []harness.Row{
			{Name: "weir", Bench: serial(weirFour(true, listening))},
			{Name: "by hand, with context.WithTimeout", Bench: serial(byHand(true, listening))},
			{Name: "failsafe-go", Bench: serial(failsafeFour(true, listening))},
		}},
		{Package: "wrapper", Name: "the four from every processor", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(1, weirFour(false, one))},
			{Name: "by hand", Bench: parallel(1, byHand(false, one))},
		}},
		batchCase("Process of 100000 no-op items, no layers"),
		batchCase("Process of 100000 no-op items, the four", fourParts()...),
	}
}

// call is the work of a case.
type call func(context.Context) (int, error)

func one(context.Context) (int, error) { return 1, nil }

// listening is a call that asks for the channel of its context, as clients do.
func listening(ctx context.Context) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	default:
		return 1, nil
	}
}

// clockAndAtomics is what four such policies cannot do without: the limiter reads
// the clock and takes a token, the semaphore gives a permit and gets it back, and
// the wrapper counts the call in and out.
func clockAndAtomics() func() bool {
	var words [5]struct {
		atomic.Int64
		_ [120]byte
	}
	base := time.Now()
	return func() bool {
		words[0].Add(int64(time.Since(base)))
		for i := range words[1:] {
			words[i+1].Add(1)
		}
		return true
	}
}

// batchCase is a batch inside layers, beside the engine that it runs on.
func batchCase(name string, layers ...wrapper.Layer) harness.Case {
	items := make([]int, 100_000)
	ctx, w := context.Background(), wrapper.Compose(layers...)
	noop := func(_ context.Context, v int) (int, error) { return v, nil }
	return harness.Case{Package: "wrapper", Name: name, Items: len(items), Rows: []harness.Row{
		{Name: "weir", Bench: serial(func() func() bool {
			return func() bool {
				out, err := wrapper.Process(ctx, w, items, noop)
				return len(out) == len(items) && err == nil
			}
		})},
		{Name: "fanout.Settle, its engine", Bench: serial(func() func() bool {
			return func() bool { return len(fanout.Settle(ctx, items, noop)) == len(items) }
		})},
	}}
}

func fourParts() []wrapper.Layer {
	return []wrapper.Layer{
		retry.New(retry.MaxRetries(3)),
		breaker.New(breaker.ConsecutiveFailures(5)),
		ratelimit.New(ratelimit.PerSecond(plentyRate), plentyBurst),
		semaphore.New(100),
	}
}

func weirFour(timed bool, fn call) func() func() bool {
	return func() func() bool {
		ctx, layers := context.Background(), fourParts()
		if timed {
			layers = append([]wrapper.Layer{wrapper.Timeout(time.Minute)}, layers...)
		}
		w := wrapper.Compose(layers...)
		return func() bool { v, err := wrapper.Do(ctx, w, fn); return v == 1 && err == nil }
	}
}

// byHand is what a careful program writes without a library to compose with.
func byHand(timed bool, fn call) func() func() bool {
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
			return b.Execute(func() (int, error) { return fn(ctx) })
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

func failsafeFour(timed bool, fn call) func() func() bool {
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
		run := func(e failsafe.Execution[int]) (int, error) { return fn(e.Context()) }
		return func() bool { v, err := e.GetWithExecution(run); return v == 1 && err == nil }
	}
}
