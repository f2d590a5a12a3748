package testkit_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/weirkit/weir/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakProfile()) }

func TestRunTellsHowAFunctionEnded(t *testing.T) {
	assert.Equal(t, testkit.End{Returned: true}, testkit.Run(func() {}))
	assert.Equal(t, testkit.End{Panicked: true, Value: "boom"}, testkit.Run(func() { panic("boom") }))
	assert.Equal(t, testkit.End{Exited: true}, testkit.Run(runtime.Goexit))
}
