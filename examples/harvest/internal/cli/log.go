package cli

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logger writes to w, which must be safe for concurrent use, with -v, and
// nowhere without.
func logger(o options, w io.Writer) *zap.Logger {
	if !o.verbose {
		return zap.NewNop()
	}
	encoding := zap.NewDevelopmentEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.AddSync(w), zap.DebugLevel)
	return zap.New(core)
}
