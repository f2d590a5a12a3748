// Package testkit holds what the tests of several packages share. Tests alone
// import it.
package testkit

import (
	"fmt"
	"os"
	"runtime/pprof"

	"go.uber.org/goleak"
)

// LeakProfile is an option for goleak.VerifyTestMain: where the runtime has a
// goroutine leak profile (GOEXPERIMENT=goroutineleakprofile on Go 1.26), the
// package's tests fail if it is not empty once they have run. The profile finds
// what goleak cannot: it proves by reachability that a blocked goroutine can
// never wake.
func LeakProfile() goleak.Option {
	return goleak.Cleanup(func(code int) {
		if p := pprof.Lookup("goroutineleak"); p != nil {
			// Debug level 2 runs the detection and prints the leaked alone.
			if n := leaks(p); n > 0 && code == 0 {
				fmt.Fprintf(os.Stderr, "goroutine leak profile: %d leaked\n", n)
				_ = p.WriteTo(os.Stderr, 1)
				code = 1
			}
		}
		os.Exit(code)
	})
}

// leaks runs the detection, which only writing the profile does, and returns
// how many goroutines it found.
func leaks(p *pprof.Profile) int {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = null.Close() }()
	_ = p.WriteTo(null, 1)
	return p.Count()
}

// End is how a function ended.
type End struct {
	// Returned, Panicked and Exited exclude each other; Exited means
	// runtime.Goexit.
	Returned, Panicked, Exited bool
	// Value is what was passed to panic.
	Value any
}

// Run runs fn on a goroutine of its own, waits until that goroutine has ended
// and tells how.
func Run(fn func()) End {
	ch := make(chan End, 1)
	go func() {
		end := End{Exited: true}
		defer func() {
			if v := recover(); v != nil {
				end = End{Panicked: true, Value: v}
			}
			ch <- end
		}()
		fn()
		end = End{Returned: true}
	}()
	return <-ch
}
