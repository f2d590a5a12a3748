package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/fault"
)

// RunOption changes one [Run].
type RunOption interface{ applyRun(*runConfig) }

type runOptionFunc func(*runConfig)

func (f runOptionFunc) applyRun(c *runConfig) { f(c) }

type runConfig struct {
	inputs *inputs // nil without Checkpoints
	every  time.Duration
	report func(Stats)
}

// Checkpoints makes a run follow what becomes of each item of its source, for
// [Run.Checkpoint]. The first from items are left out, and the others keep their
// numbers: 0 for a new job, where the last run stood for one that goes on. The
// source must yield the same items in the same order again; one that begins in
// the middle by itself counts from there, with 0.
//
// It costs some 120 ns an item, and nearly as much again where items change
// goroutines, and memory for each item that is under way.
func Checkpoints(from int64) RunOption {
	if from < 0 {
		panic(fmt.Sprintf("pipeline: a checkpoint must be at least 0, got %d", from))
	}
	return runOptionFunc(func(c *runConfig) { c.inputs = &inputs{next: from} })
}

// Progress calls report every so often while the run works, and once more when
// its work has ended, with what [Run.Stats] returns; results may still wait for
// their reader then. It has a goroutine of its own, and the run ends when that has
// ended: report must not wait for the run. A report that takes longer than every
// makes the next ones come later. A panic or runtime.Goexit of it ends the run, as
// that of a stage does.
func Progress(every time.Duration, report func(Stats)) RunOption {
	if every <= 0 {
		panic(fmt.Sprintf("pipeline: the interval of Progress must be positive, got %v", every))
	}
	if report == nil {
		panic("pipeline: Progress needs a function, got nil")
	}
	return runOptionFunc(func(c *runConfig) { c.every, c.report = every, report })
}

// watch is the goroutine that reports progress.
type watch struct {
	ended chan struct{} // closed when the run's work has ended
	done  chan struct{} // closed when no report is made any more
	err   error         // of report; written before done
}

// startWatch reports until stop is called, or a report does not return: then it
// calls cancel. It returns nil if nobody wants reports.
func startWatch(c runConfig, stats func() Stats, cancel context.CancelFunc) *watch {
	if c.report == nil {
		return nil
	}
	w := &watch{ended: make(chan struct{}), done: make(chan struct{})}
	go fault.Catch(func() {
		tick := time.NewTicker(c.every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.report(stats())
			case <-w.ended:
				c.report(stats())
				return
			}
		}
	}, func(f *fault.Fault) {
		if f != nil {
			w.err = f.Err()
			cancel()
		}
		close(w.done)
	})
	return w
}

// stop makes the last report, waits, and returns the error of the reports.
func (w *watch) stop() error {
	if w == nil {
		return nil
	}
	close(w.ended)
	<-w.done
	return w.err
}
