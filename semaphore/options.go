package semaphore

import (
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/stripe"
)

// Option changes how a semaphore works.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	fifo, lifo bool
	maxWaiters int           // -1: no bound
	maxWait    time.Duration // 0: no bound
	aging      time.Duration // 0: none
	shares     []share
	leaked     func(Leak)
	longWait   time.Duration
	events     Events
	acquired   *stripe.Counter // nil without Counted

	maxKeys int64 // of Keyed

	// Of Adaptive.
	algorithm   algorithm
	classify    func(error) Outcome
	initial     int64
	maxBaseline time.Duration

	kind string // what is being made: New, NewKeyed ...
}

func newConfig(kind string, opts []Option) config {
	c := config{maxWaiters: -1, longWait: time.Second, maxKeys: 1 << 16, kind: kind}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("semaphore: option %d of %s must not be nil: leave it out", i+1, kind))
		}
		o.apply(&c)
	}
	if c.lifo && (c.fifo || c.aging > 0) {
		panic("semaphore: LIFO cannot be combined with FIFO or Aging")
	}
	return c
}

// FIFO serves callers strictly in the order in which they came: nobody
// overtakes the queue. Under load each permit then passes by a hand-over
// between goroutines, which costs a multiple of an overtake.
func FIFO() Option { return optionFunc(func(c *config) { c.fifo = true }) }

// LIFO serves the caller that came last first. Under overload it keeps some
// answers fast where a fair queue makes all of them late. The oldest may starve:
// combine it with MaxWait or MaxWaiters, or give each caller a deadline. When
// the queue is full the newcomer displaces the one that waits longest in the
// lowest priority, unless its own is lower still.
func LIFO() Option { return optionFunc(func(c *config) { c.lifo = true }) }

// MaxWaiters bounds the queue: who would be one more gets [ErrQueueFull]. With
// 0 nobody waits. By default the queue has no bound of its own; it holds one
// entry for each goroutine that is blocked in an acquisition.
func MaxWaiters(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("semaphore: MaxWaiters must be at least 0, got %d", n))
	}
	return optionFunc(func(c *config) { c.maxWaiters = n })
}

// MaxWait bounds how long a caller waits: then it gets [ErrWaitTimeout]. A
// deadline of its context may end the wait earlier, with the context's error.
func MaxWait(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("semaphore: MaxWait must be positive, got %v", d))
	}
	return optionFunc(func(c *config) { c.maxWait = d })
}

// Aging raises the priority of those who wait by one for each d of waiting.
// A caller of priority p is then overtaken by one of priority q only if that
// one came less than (q-p)*d later: who came later than that stands behind it.
func Aging(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("semaphore: Aging must be positive, got %v", d))
	}
	return optionFunc(func(c *config) { c.aging = d })
}

// Counted makes Stats count acquisitions, at the cost of one more atomic add
// for each.
func Counted() Option { return optionFunc(func(c *config) { c.acquired = stripe.New() }) }

// LongWait sets from which wait on [Events.LongWait] is called; by default 1 s.
func LongWait(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("semaphore: LongWait must be positive, got %v", d))
	}
	return optionFunc(func(c *config) { c.longWait = d })
}

// On registers events. A later On replaces an earlier one.
func On(e Events) Option { return optionFunc(func(c *config) { c.events = e }) }

// MaxKeys bounds a [Keyed]: while as many keys are in use, a new one gets
// [ErrTooManyKeys]. The default is 65,536. A key that is in use costs 550 to
// 700 bytes; one that is not costs nothing.
func MaxKeys(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("semaphore: MaxKeys must be at least 1, got %d", n))
	}
	return optionFunc(func(c *config) {
		c.must("MaxKeys", "NewKeyed")
		c.maxKeys = int64(n)
	})
}

// must panics if an option was given to a constructor that cannot use it.
func (c *config) must(option, kind string) {
	if c.kind != kind {
		panic(fmt.Sprintf("semaphore: %s is an option of %s, not of %s", option, kind, c.kind))
	}
}

// Outcomes sets how [Adaptive.Do] reads the error of a call. By default nil is a
// Success, context.DeadlineExceeded is Dropped, and any other error is Ignored:
// say here which errors are answers, and which mean that the backend is too busy.
func Outcomes(of func(error) Outcome) Option {
	if of == nil {
		panic("semaphore: Outcomes must not be nil")
	}
	return optionFunc(func(c *config) {
		c.must("Outcomes", "NewAdaptive")
		c.classify = of
	})
}

// Initial sets the limit that an [Adaptive] begins with, instead of its lowest.
// Let it be one that the backend can surely take: the first window sets the
// baseline.
func Initial(limit int64) Option {
	checkLimit(limit)
	return optionFunc(func(c *config) {
		c.must("Initial", "NewAdaptive")
		c.initial = limit
	})
}

// MaxBaseline bounds what an [Adaptive] may take for the latency of a backend
// without a queue: above d, calls count as waiting for each other whatever was
// measured before.
func MaxBaseline(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("semaphore: MaxBaseline must be positive, got %v", d))
	}
	return optionFunc(func(c *config) {
		c.must("MaxBaseline", "NewAdaptive")
		c.maxBaseline = d
	})
}
