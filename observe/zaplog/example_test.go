package zaplog_test

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/observe/zaplog"
	"github.com/weirkit/weir/retry"
)

func Example() {
	logger := zap.NewExample() // JSON lines on standard output

	policy := retry.New(
		retry.MaxRetries(1),
		retry.Backoff(retry.Constant(time.Millisecond)),
		retry.On(zaplog.Retry(logger, "payments")),
	)
	circuit := breaker.New(
		breaker.ConsecutiveFailures(2),
		breaker.On(zaplog.Breaker(logger, "payments")),
	)
	_ = policy.Do(context.Background(), func(ctx context.Context) error {
		return circuit.Do(ctx, func(context.Context) error { return errors.New("connection reset") })
	})
	// Output:
	// {"level":"debug","msg":"attempt failed","retry":"payments","attempt":1,"delay":"1ms","error":"connection reset"}
	// {"level":"warn","msg":"breaker changed state","breaker":"payments","from":"closed","to":"open","generation":1,"cause":"connection reset"}
	// {"level":"warn","msg":"call gave up","retry":"payments","attempts":2,"error":"retry: gave up after 2 attempts: connection reset"}
}
