package zaplog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/weirkit/weir/retry"
)

// Retry returns events that log the retries and hedges of a policy, under that
// name, and the calls that it gave up.
func Retry(logger *zap.Logger, name string) retry.Events {
	check(logger)
	id := zap.String("retry", name)
	return retry.Events{
		Retry: func(r retry.Retry) {
			if e := logger.Check(zapcore.DebugLevel, "attempt failed"); e != nil {
				e.Write(id, zap.Int("attempt", r.Attempt), zap.Duration("delay", r.Delay), zap.Error(r.Err))
			}
		},
		GaveUp: func(g retry.GaveUp) {
			if e := logger.Check(zapcore.WarnLevel, "call gave up"); e != nil {
				e.Write(id, zap.Int("attempts", g.Attempts), zap.Error(g.Err))
			}
		},
		Hedged: func(h retry.Hedged) {
			if e := logger.Check(zapcore.DebugLevel, "attempt hedged"); e != nil {
				e.Write(id, zap.Int("attempt", h.Attempt), zap.Duration("delay", h.Delay), zap.Bool("won", h.Won))
			}
		},
	}
}
