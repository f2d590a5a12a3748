package zaplog

import (
	"time"

	"go.uber.org/zap"
)

// check makes a nil logger known where it is given, and not at the first event.
func check(logger *zap.Logger) {
	if logger == nil {
		panic("zaplog: the logger is nil; zap.NewNop() writes nothing")
	}
}

// duration is a field, unless d is 0: unknown.
func duration(key string, d time.Duration) zap.Field {
	if d == 0 {
		return zap.Skip()
	}
	return zap.Duration(key, d)
}
