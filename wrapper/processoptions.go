package wrapper

import (
	"fmt"

	"github.com/weirkit/weir/fanout"
)

// ProcessOption changes how Process and Settle work.
type ProcessOption interface{ apply(*processConfig) }

type processConfig struct {
	workers     int // 0: chosen
	keep        int
	stopOnError bool
	progress    func(done, total int)
}

type processOption func(*processConfig)

func (f processOption) apply(c *processConfig) { f(c) }

// defaultKeep is how many failures a BatchError keeps.
const defaultKeep = 1000

func newProcessConfig(of string, opts []ProcessOption) processConfig {
	checkOptions(of, opts)
	c := processConfig{keep: defaultKeep}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

// Workers is how many items are in the wrapper at once, waiting ones included.
// The default is the limit of the wrapper's first *semaphore.Semaphore, and
// GOMAXPROCS if it has none: set it for work that waits, and for a limit that
// finds itself, to the highest that it may find. It panics below 1.
func Workers(n int) ProcessOption {
	if n < 1 {
		panic(fmt.Sprintf("wrapper: Workers must be at least 1, got %d", n))
	}
	return processOption(func(c *processConfig) { c.workers = n })
}

// KeepFailures bounds how many failures a BatchError keeps: those with the
// lowest indices. The others are counted. The default is 1000. It panics below
// 1.
func KeepFailures(n int) ProcessOption {
	if n < 1 {
		panic(fmt.Sprintf("wrapper: KeepFailures must be at least 1, got %d", n))
	}
	return processOption(func(c *processConfig) { c.keep = n })
}

// StopOnError lets no further item begin once one has failed. Those that run
// are cancelled and waited for; what fails only because of that counts as
// skipped.
func StopOnError() ProcessOption {
	return processOption(func(c *processConfig) { c.stopOnError = true })
}

// Progress calls f after items have ended, never twice at once, with how many
// have ended and how many there are, which is -1 for a sequence. The numbers only
// grow; if items end faster than f returns, some are left out, but never the
// last. f runs on the goroutines that run items.
func Progress(f func(done, total int)) ProcessOption {
	if f == nil {
		panic("wrapper: Progress needs a function, got nil")
	}
	return processOption(func(c *processConfig) { c.progress = f })
}

// fanoutOptions says the same to fanout, for n items.
func (c *processConfig) fanoutOptions(w *Wrapper, n int) []fanout.Option {
	var opts []fanout.Option
	workers := c.workers
	if workers == 0 {
		workers = w.concurrency(n)
	}
	if workers > 0 {
		opts = append(opts, fanout.Workers(workers))
	}
	if c.progress != nil {
		opts = append(opts, fanout.Progress(c.progress))
	}
	return opts
}

// concurrency returns the limit of the first semaphore of ours, but no more than
// n items need, or 0 if there is none.
func (w *Wrapper) concurrency(n int) int {
	for f := w.first; f != nil; f = f.next {
		s := f.semaphore
		for i := 0; s == nil && i < len(f.gates); i++ {
			s = f.gates[i].semaphore
		}
		if s != nil {
			return int(min(s.Limit(), int64(max(n, 1))))
		}
	}
	return 0
}
