package fanout

import (
	"context"
	"fmt"
	"time"
)

// Option changes how a call works. A function that cannot honour one panics, and
// says which functions can.
type Option interface{ apply(*config) }

// optionFunc notes in given which option it is.
type optionFunc func(c *config)

func (f optionFunc) apply(c *config) { f(c) }

// Layer is a policy around a call: a limiter, a semaphore, a breaker, a retry
// policy, a wrapper, or a type of your own.
type Layer interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

type config struct {
	given     setting // the options that there were
	workers   int     // 0: GOMAXPROCS, and a start alone
	threshold int
	window    int     // 0: chosen
	keep      int     // failures to collect; 0: stop at the first
	limit     *limit  // the timeout, nil for none; each Timeout has its own
	guards    []Layer // the first is the outermost
	report    func(done, total int)
	crew      *Crew
	unordered bool
	recovers  bool

	progress *progress // of one run; nil without report
}

// plain is the config of calls without options. Nobody writes to it.
var plain = &config{}

// newConfig makes the config of one run of f over total items; options may be used
// again.
func newConfig(f function, opts []Option, total int) *config {
	if len(opts) == 0 {
		return plain
	}
	c := &config{}
	for _, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("fanout: %s needs options, got one that is nil", f.name))
		}
		o.apply(c)
	}
	f.refuse(c.given)
	if c.report != nil {
		c.progress = &progress{f: c.report, total: total}
	}
	return c
}

// workersFor is how many workers a run over n items must have; 0 if it may choose.
func (c *config) workersFor(n int) int {
	if n < c.threshold {
		return 1
	}
	return c.workers
}

// collected is where the failures go of a run that goes on when items fail; else nil.
func (c *config) collected() *kept {
	if c.keep == 0 {
		return nil
	}
	return &kept{most: c.keep}
}

// wraps reports whether wrap has anything to do.
func (c *config) wraps() bool {
	return len(c.guards) > 0 || c.limit != nil || c.recovers || c.report != nil
}

const (
	maxWindow  = 1 << 30
	maxWorkers = 1 << 16 // of a stream, whose window is as large
)

// defaultKeep is how many failures CollectErrors keeps.
const defaultKeep = 1000

// Workers lets n items run at once, and guarantees that so many do if there are
// so many: they may wait for each other.
//
// Without it at most GOMAXPROCS items run at once, which suits work that
// computes: a call begins on the calling goroutine, starts others only if that
// pays, and hands fast items out in chunks, so that one may wait for the one before
// it though a worker is free. For work that waits, such as calls over a network, say
// how many may wait at once. A stream has 65536 workers at most. It panics if n is not positive.
func Workers(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("fanout: Workers must be at least 1, got %d", n))
	}
	return optionFunc(func(c *config) {
		c.given |= setWorkers
		c.workers, c.crew = n, nil
	})
}

// Threshold makes a call on a slice or map of fewer than n items run them one
// after the other on the calling goroutine, whatever Workers says. It panics if n
// is negative.
func Threshold(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("fanout: Threshold must be at least 0, got %d", n))
	}
	return optionFunc(func(c *config) {
		c.given |= setThreshold
		c.threshold = n
	})
}

// Unordered makes [Stream] and [Chan] deliver results as they get ready. By
// default they come in the order of the input.
func Unordered() Option {
	return optionFunc(func(c *config) {
		c.given |= setUnordered
		c.unordered = true
	})
}

// Window bounds how many items [Stream] and [Chan] have read and not delivered
// yet. By default it grows with the workers, from 256 to 4096. A window smaller
// than Workers bounds what runs at once too. A pointer for 32 places is allocated in
// advance, and the rest as they are reached. It panics if n is not between 1 and 2^30.
func Window(n int) Option {
	if n < 1 || n > maxWindow {
		panic(fmt.Sprintf("fanout: Window must be between 1 and %d, got %d", maxWindow, n))
	}
	return optionFunc(func(c *config) {
		c.given |= setWindow
		c.window = n
	})
}

// CollectErrors makes a call go on when items fail. If any did, it returns a
// *[BatchError] with the failures in the order of their indices; it keeps the
// first 1000 of them. A [Stream] yields each error in its place.
func CollectErrors() Option {
	return optionFunc(func(c *config) {
		c.given |= setCollectErrors
		c.keep = defaultKeep
	})
}

// KeepFailures is CollectErrors that keeps the n failures with the lowest
// indices and counts the others. It panics if n is not positive.
func KeepFailures(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("fanout: KeepFailures must be at least 1, got %d", n))
	}
	return optionFunc(func(c *config) {
		c.given |= setKeepFailures
		c.keep = n
	})
}

// Timeout bounds each item, all that its Guard layers do included. The item's
// context ends after d, and an error that it returns then matches [ErrTimeout]. A
// callback that does not look at its context is waited for all the same. It
// panics if d is not positive.
func Timeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("fanout: Timeout must be positive, got %v", d))
	}
	return optionFunc(func(c *config) {
		c.given |= setTimeout
		c.limit = &limit{d}
	})
}

// Guard runs each item inside layer. Of several, the first is the outermost. If
// layer runs the callback several times, the result is that of the run whose nil
// it returned. It panics if layer is nil.
func Guard(layer Layer) Option {
	if layer == nil {
		panic("fanout: Guard needs a layer, got nil")
	}
	return optionFunc(func(c *config) {
		c.given |= setGuard
		c.guards = append(c.guards, layer)
	})
}

// Progress calls f after items have ended, never twice at once, with how many
// have ended so far and how many there are: -1 if that is not known, as for a
// [Stream] or a [Group]. The numbers only grow; if items end faster than f
// returns, some are left out, but never the last. f runs on the goroutines that
// run items. It panics if f is nil.
func Progress(f func(done, total int)) Option {
	if f == nil {
		panic("fanout: Progress needs a function, got nil")
	}
	return optionFunc(func(c *config) {
		c.given |= setProgress
		c.report = f
	})
}

// PanicsAsErrors makes a panic of a callback the error of its item, a
// *[PanicError], that counts like any other. By default a panic stops the call
// and is raised on the goroutine that waits for it.
func PanicsAsErrors() Option {
	return optionFunc(func(c *config) {
		c.given |= setPanicsAsErrors
		c.recovers = true
	})
}
