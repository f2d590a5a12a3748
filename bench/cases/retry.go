package cases

import (
	"context"
	"time"

	"github.com/eapache/go-resiliency/retrier"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/retry"
)

func retries() []harness.Case {
	ctx := context.Background()
	ok := func(context.Context) error { return nil }
	return []harness.Case{
		{Package: "retry", Name: "success at the first attempt", Rows: []harness.Row{
			{Name: "weir", Bench: serial(func() func() bool {
				p := retry.New(retry.MaxRetries(3))
				return func() bool { return p.Do(ctx, ok) == nil }
			})},
			{Name: "failsafe-go", Bench: serial(func() func() bool {
				e := failsafe.With(retrypolicy.NewBuilder[any]().WithMaxRetries(3).Build())
				run := func() error { return nil }
				return func() bool { return e.Run(run) == nil }
			})},
			{Name: "go-resiliency", Bench: serial(func() func() bool {
				r := retrier.New(retrier.ConstantBackoff(3, time.Millisecond), nil)
				run := func() error { return nil }
				return func() bool { return r.Run(run) == nil }
			})},
			{Name: "bare call (baseline)", Bench: serial(func() func() bool {
				return func() bool { return ok(ctx) == nil }
			})},
		}},
	}
}
