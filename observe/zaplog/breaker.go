package zaplog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/weirkit/weir/breaker"
)

// Breaker returns events that log the changes of state and the refusals of a
// breaker of that name.
func Breaker(logger *zap.Logger, name string) breaker.Events {
	check(logger)
	id := zap.String("breaker", name)
	return breaker.Events{
		StateChange: func(c breaker.StateChange) {
			level, cause := zapcore.InfoLevel, zap.Skip()
			if c.To == breaker.Open {
				level, cause = zapcore.WarnLevel, zap.NamedError("cause", c.Cause)
			}
			if e := logger.Check(level, "breaker changed state"); e != nil {
				e.Write(id, zap.Stringer("from", c.From), zap.Stringer("to", c.To),
					zap.Uint64("generation", c.Generation), cause)
			}
		},
		Rejected: func(err *breaker.OpenError) {
			if e := logger.Check(zapcore.DebugLevel, "call refused"); e != nil {
				e.Write(id, zap.Stringer("state", err.State), duration("retry_after", err.RetryAfter()),
					zap.NamedError("cause", err.Cause))
			}
		},
	}
}
