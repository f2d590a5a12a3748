package zaplog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/weirkit/weir/ratelimit"
)

// Limiter returns events that log the refused and the long waits of a rate
// limiter, under that name.
func Limiter(logger *zap.Logger, name string) ratelimit.Events {
	check(logger)
	id := zap.String("limiter", name)
	return ratelimit.Events{
		Rejected: func(ev ratelimit.Event) {
			if e := logger.Check(zapcore.DebugLevel, "wait refused"); e != nil {
				e.Write(id, zap.Int("n", ev.N), zap.Duration("waited", ev.Waited),
					duration("retry_after", ev.RetryAfter), zap.Error(ev.Err))
			}
		},
		LongWait: func(ev ratelimit.Event) {
			if e := logger.Check(zapcore.WarnLevel, "long wait"); e != nil {
				e.Write(id, zap.Int("n", ev.N), zap.Duration("waited", ev.Waited), zap.Error(ev.Err))
			}
		},
	}
}
