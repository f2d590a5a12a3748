package semaphore

import (
	"fmt"
	"runtime"
	"strings"
)

// Leak is a [Permit] that was garbage collected while it was held: nobody can
// release it any more.
type Leak struct {
	// N is how many permits are lost. They stay held until ReleaseAll, which
	// counts them as those of any other Permit. Release must not be used for
	// them: ReleaseAll would release them again.
	N int64
	// Stack tells where the Permit was acquired.
	Stack string
}

// LeakFinder makes the semaphore note where each [Permit] is acquired, and
// report one that is garbage collected unreleased. It costs some microseconds and
// 400 bytes for each Permit, so it is for tests and the search for a leak.
// Report is called on a goroutine of the runtime, some time after the Permit
// became unreachable, or never if the program ends before; it must not block.
func LeakFinder(report func(Leak)) Option {
	if report == nil {
		panic("semaphore: LeakFinder must not be nil")
	}
	return optionFunc(func(c *config) { c.leaked = report })
}

// leak is what is known of a Permit once it is gone; it must not lead to it.
type leak struct {
	s       *Semaphore
	n       int64
	epoch   uint64
	callers []uintptr
	cleanup runtime.Cleanup
	over    bool // it was released: guarded by s.loans.mu
}

// watch is called by lend, which Permit and TryPermit call.
func (p *Permit) watch() {
	const skip = 4 // Callers, watch, lend, Permit
	pcs := make([]uintptr, 32)
	p.leak = &leak{s: p.s, n: p.n, epoch: p.epoch, callers: pcs[:runtime.Callers(skip, pcs)]}
	p.leak.cleanup = runtime.AddCleanup(p, (*leak).report, p.leak)
}

// forget is called once p is not held any more. loans.mu is held.
func (p *Permit) forget() {
	if p.leak != nil {
		p.leak.over = true
		p.leak.cleanup.Stop()
	}
}

// report is called when the Permit is gone. Released may have been called all
// the same: it is reachable until then, but not until its end.
func (k *leak) report() {
	l := &k.s.loans
	l.mu.Lock()
	lost := !k.over && k.epoch == l.epoch && k.n > 0
	l.mu.Unlock()
	if lost {
		k.s.cfg.leaked(Leak{N: k.n, Stack: k.stack()})
	}
}

func (k *leak) stack() string {
	var b strings.Builder
	frames := runtime.CallersFrames(k.callers)
	for {
		f, more := frames.Next()
		if f.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}
