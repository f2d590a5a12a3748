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
	longWait   time.Duration
	events     Events
	acquired   *stripe.Counter // nil without Counted
}

func newConfig(opts []Option) config {
	c := config{maxWaiters: -1, longWait: time.Second}
	for _, o := range opts {
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
