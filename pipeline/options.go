package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Option changes one stage. A stage that cannot honour an option panics when it
// is made, with the option's name.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// Layer is a policy around a call: a limiter, a semaphore, a breaker, a retry
// policy, a wrapper, or a type of your own.
type Layer interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

// config is the settings of one stage. It does not change once the stage is
// made.
type config struct {
	kind       string
	detail     string // of the stage's own arguments, for drawings
	name       string
	workers    int // 0: not asked for, which means 1
	unordered  bool
	buffer     int
	window     int
	timeout    time.Duration
	guard      Layer
	onError    func(*StageError) Action
	every      time.Duration
	deadLetter func(context.Context, *StageError) error
	given      []string // the options that were given, for the check of what a stage takes
}

// newConfig applies opts to a stage that takes the options named in takes.
func newConfig(kind string, opts []Option, takes ...string) *config {
	c := &config{kind: kind}
	for _, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("pipeline: an option of a %s stage must not be nil; leave it out", kind))
		}
		o.apply(c)
	}
	for _, g := range c.given {
		if g != "Name" && !slices.Contains(takes, g) {
			panic(fmt.Sprintf("pipeline: a %s stage does not take the option %s", kind, g))
		}
	}
	if c.window > 0 && c.buffer > 0 {
		panic("pipeline: Window and Buffer of one stage exclude each other")
	}
	return c
}

// parallel reports whether the stage needs workers of its own.
func (c *config) parallel() bool { return c.workers > 1 || c.window > 0 }

// label is the stage's name in errors and statistics; at counts from 0.
func (c *config) label(at int) string {
	if c.name != "" {
		return c.name
	}
	return fmt.Sprintf("%s %d", c.kind, at+1)
}

func option(name string, set func(*config)) Option {
	return optionFunc(func(c *config) {
		c.given = append(c.given, name)
		set(c)
	})
}

// Name names the stage in errors, statistics and drawings.
func Name(name string) Option {
	if name == "" {
		panic("pipeline: Name must not be empty; leave the option out for the default")
	}
	return option("Name", func(c *config) { c.name = name })
}

// Workers makes the stage work on n items at once. Each is begun as soon as a
// worker is free; results keep the order of the input but for Unordered. With
// 1, the default, the stage runs in one loop with its neighbours. For calls
// over a network n is how many may be under way: set it.
func Workers(n int) Option {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: Workers must be between 1 and %d, got %d", maxAsked, n))
	}
	return option("Workers", func(c *config) { c.workers = n })
}

// maxAsked bounds workers, windows and buffers.
const maxAsked = 1 << 30

// Unordered lets a stage with several workers hand results on as they get
// ready, in any order. With one worker it changes nothing.
func Unordered() Option { return option("Unordered", func(c *config) { c.unordered = true }) }

// Buffer puts a queue of n items behind the stage: it, and the one-worker stages
// before it, then run on a goroutine of their own, up to n items ahead of what
// follows. Its memory is taken as items first fill it. A stage with several workers
// has such a queue anyway: there, Buffer makes its Window n more than its Workers.
func Buffer(n int) Option {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: Buffer must be between 1 and %d, got %d", maxAsked, n))
	}
	return option("Buffer", func(c *config) { c.buffer = n })
}

// Window bounds how many items a stage with several workers has taken and not
// yet handed on: those being worked on, and finished ones that wait for an
// earlier one. By default it is twice the Workers, at least 256 and at most
// 4096, but never less than the Workers. A stage with a Window has workers of its
// own even if it is one, so that [Run.SetWorkers] can make more of it.
func Window(n int) Option {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: Window must be between 1 and %d, got %d", maxAsked, n))
	}
	return option("Window", func(c *config) { c.window = n })
}

// Timeout bounds the time that the stage may spend on one item, everything that
// its Guard does included. The context of the function then ends; a function
// that does not look at it is waited for. The error matches [ErrTimeout].
func Timeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("pipeline: Timeout must be positive, got %v", d))
	}
	return option("Timeout", func(c *config) { c.timeout = d })
}

// Guard puts a policy around each call of the stage's function: a rate limit,
// retries, a breaker, a whole wrapper.
func Guard(layer Layer) Option {
	if layer == nil {
		panic("pipeline: Guard needs a layer, got nil")
	}
	return option("Guard", func(c *config) { c.guard = layer })
}

// OnError decides what an item's error means; without it, [Abort]. decide runs
// where the stage runs: with several workers, on several goroutines at once. It
// is not asked about errors that only say that the run's context is done, nor
// about panics.
func OnError(decide func(*StageError) Action) Option {
	if decide == nil {
		panic("pipeline: OnError needs a function, got nil")
	}
	return option("OnError", func(c *config) { c.onError = decide })
}

// DeadLetter is where items go that cannot be worked on: sink gets the item, its
// stage and its error. They go there when an OnError says [ToDeadLetter]; without
// an OnError, whenever one fails. If sink fails too the run ends, with both
// errors. It runs where the stage runs, as OnError does.
func DeadLetter(sink func(ctx context.Context, e *StageError) error) Option {
	if sink == nil {
		panic("pipeline: DeadLetter needs a function, got nil")
	}
	return option("DeadLetter", func(c *config) { c.deadLetter = sink })
}

// Every bounds how long an item waits in a [Batch] that is not full: a batch is
// handed on when d has passed since its first item came. What comes before the
// batch then runs on a goroutine of its own.
func Every(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("pipeline: Every must be positive, got %v", d))
	}
	return option("Every", func(c *config) { c.every = d })
}

// Action is what becomes of an item that failed.
type Action int

const (
	// Abort ends the run with the [StageError].
	Abort Action = iota
	// Skip drops the item and goes on.
	Skip
	// Retry calls the stage's function again, at once. StageError.Attempt tells
	// how often it failed. For pauses between attempts use Guard with a retry
	// policy.
	Retry
	// ToDeadLetter gives the item to the sink of the option DeadLetter and goes
	// on without it.
	ToDeadLetter
)
