package testkit_test

import (
	"errors"
	"io"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weirkit/weir/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakProfile()) }

func TestRunTellsHowAFunctionEnded(t *testing.T) {
	assert.Equal(t, testkit.End{Returned: true}, testkit.Run(func() {}))
	assert.Equal(t, testkit.End{Panicked: true, Value: "boom"}, testkit.Run(func() { panic("boom") }))
	assert.Equal(t, testkit.End{Exited: true}, testkit.Run(runtime.Goexit))
}

// profile writes a text, or fails.
type profile struct {
	text   string
	err    error
	writes []int
}

func (p *profile) WriteTo(w io.Writer, debug int) error {
	p.writes = append(p.writes, debug)
	_, _ = io.WriteString(w, p.text)
	return p.err
}

func TestTheLeakProfileIsWrittenOnceAndToldAsItWasWritten(t *testing.T) {
	p := &profile{text: "goroutineleak profile: total 1\n1 @ 0x1\n#\tgone\n"}
	assert.ErrorContains(t, testkit.CheckLeaks(p), p.text)
	assert.Equal(t, []int{1}, p.writes)

	p = &profile{text: "goroutineleak profile: total 0\n"}
	assert.NoError(t, testkit.CheckLeaks(p))
	assert.Equal(t, []int{1}, p.writes)
}

func TestALeakProfileThatCannotBeWrittenFails(t *testing.T) {
	failed := errors.New("no profile")
	assert.ErrorIs(t, testkit.CheckLeaks(&profile{text: "goroutineleak profile: total 0\n", err: failed}), failed)
	assert.Error(t, testkit.CheckLeaks(&profile{}), "an empty text is no empty profile")
}

func TestTheLeakProfileOfTheRuntimeIsUnderstood(t *testing.T) {
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		t.Skip("this runtime has no goroutine leak profile")
	}
	require.NoError(t, testkit.CheckLeaks(p))
}
