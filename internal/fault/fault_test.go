package fault_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/fault"
)

// catch runs fn on a goroutine of its own and returns how it ended.
func catch(fn func()) *fault.Fault {
	ch := make(chan *fault.Fault, 1)
	go fault.Catch(fn, func(f *fault.Fault) { ch <- f })
	return <-ch
}

func TestCatchReturn(t *testing.T) {
	f := catch(func() {})
	assert.Nil(t, f)
	assert.NoError(t, f.Err())
	f.Raise() // does nothing
}

func TestCatchPanicKeepsValueAndStack(t *testing.T) {
	boom := errors.New("boom")
	f := catch(func() { explode(boom) })
	var p *fault.PanicError
	require.ErrorAs(t, f.Err(), &p)
	assert.Equal(t, boom, p.Value)
	assert.ErrorIs(t, f.Err(), boom)
	assert.Contains(t, string(p.Stack), "explode")
	assert.Contains(t, p.Error(), "boom")
	assert.PanicsWithValue(t, p, func() { f.Raise() })
}

func explode(v any) { panic(v) }

func TestARaisedPanicKeepsItsFirstStack(t *testing.T) {
	f := catch(func() { explode("boom") })
	g := catch(func() { f.Raise() })
	assert.Same(t, f.Err(), g.Err())
}

func TestCatchGoexit(t *testing.T) {
	f := catch(runtime.Goexit)
	assert.ErrorIs(t, f.Err(), fault.ErrGoexit)
	again := catch(func() { f.Raise(); t.Error("Raise returned") })
	assert.ErrorIs(t, again.Err(), fault.ErrGoexit)
}

func TestCatchNilPanicIsAPanic(t *testing.T) {
	f := catch(func() { panic(nil) }) //nolint:govet // the runtime turns it into a *runtime.PanicNilError, and so must we
	var p *fault.PanicError
	require.ErrorAs(t, f.Err(), &p)
	assert.IsType(t, (*runtime.PanicNilError)(nil), p.Value)
}
