// Package testkit holds what the tests of several packages share. Tests alone
// import it.
package testkit

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"go.uber.org/goleak"
)

// LeakProfile is an option for goleak.VerifyTestMain: where the runtime has a
// goroutine leak profile (GOEXPERIMENT=goroutineleakprofile on Go 1.26), the
// package's tests fail if it is not empty once they have run, or cannot be
// written. The profile finds what goleak cannot: it proves by reachability that a
// blocked goroutine can never wake.
func LeakProfile() goleak.Option {
	return goleak.Cleanup(func(code int) {
		if p := pprof.Lookup("goroutineleak"); p != nil && code == 0 {
			if err := checkLeaks(p); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
		os.Exit(code)
	})
}

// profile is a *pprof.Profile.
type profile interface {
	WriteTo(w io.Writer, debug int) error
}

// noLeaks begins a profile that is empty.
const noLeaks = "goroutineleak profile: total 0\n"

// checkLeaks writes p once, for it is the writing that runs the detection, and
// what it wrote is both counted and told: a second writing is a second detection.
// Debug level 1 has the leaked goroutines alone, as text; 2 has all goroutines.
func checkLeaks(p profile) error {
	var text bytes.Buffer
	if err := p.WriteTo(&text, 1); err != nil {
		return fmt.Errorf("goroutine leak profile: %w", err)
	}
	if !bytes.HasPrefix(text.Bytes(), []byte(noLeaks)) {
		return fmt.Errorf("goroutines leaked:\n%s", text.Bytes())
	}
	return nil
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
