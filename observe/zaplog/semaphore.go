package zaplog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/weirkit/weir/semaphore"
)

// Semaphore returns events that log the refused and the long waits of a
// semaphore, and the limits of an adaptive one, under that name.
func Semaphore(logger *zap.Logger, name string) semaphore.Events {
	check(logger)
	id := zap.String("semaphore", name)
	write := func(level zapcore.Level, msg string) func(semaphore.Event) {
		return func(ev semaphore.Event) {
			if e := logger.Check(level, msg); e != nil {
				e.Write(id, zap.Int64("n", ev.N), zap.Int("priority", ev.Priority),
					zap.Duration("waited", ev.Waited), zap.Error(ev.Err))
			}
		}
	}
	return semaphore.Events{
		Rejected: write(zapcore.DebugLevel, "permits refused"),
		LongWait: write(zapcore.WarnLevel, "long wait"),
		LimitChanged: func(c semaphore.LimitChange) {
			if e := logger.Check(zapcore.DebugLevel, "limit changed"); e != nil {
				e.Write(id, zap.Int64("previous", c.From), zap.Int64("limit", c.To), zap.Duration("latency", c.Latency),
					zap.Duration("baseline", c.Baseline), zap.Bool("dropped", c.Dropped), zap.Bool("probe", c.Probe))
			}
		},
	}
}
