package retry

import (
	"fmt"
	"time"
)

// Option changes how a policy works.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	maxRetries int
	backoff    Delays
	sequence   func() Sequence // nil: backoff
	maxDelay   time.Duration   // 0: not set
	maxElapsed time.Duration   // 0: no bound
	timeout    *attemptTimeout // nil: none
	retryIf    func(error) bool
	budget     *Budget
	hedge      *hedge // nil: none
	events     Events
	counted    bool

	largest time.Duration // the longest pause that a rejection may ask for
	longest time.Duration // the bound of the pause that any other error asks for
}

// What New uses where no option says otherwise.
const (
	defaultRetries = 3
	defaultBase    = 100 * time.Millisecond
	defaultLargest = 2 * time.Second
	// defaultLongest bounds what an error may ask for where the backoff's own
	// delays are shorter: servers name seconds, seldom more.
	defaultLongest = 30 * time.Second
)

func newConfig(opts []Option) config {
	c := config{maxRetries: defaultRetries, backoff: FullJitter(Exponential(defaultBase, defaultLargest))}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("retry: an option must not be nil, number %d is; leave it out", i))
		}
		o.apply(&c)
	}
	switch {
	case c.maxDelay > 0:
		c.largest, c.longest = c.maxDelay, c.maxDelay
		return c
	case c.sequence == nil:
		c.largest = max(c.backoff(max(c.maxRetries, 1), Longest), 0)
	}
	c.longest = max(c.largest, defaultLongest)
	return c
}

// MaxRetries bounds the attempts after the first: n retries are n+1 attempts. 0
// means that nothing is tried again, math.MaxInt that only the other rules end
// a call. By default 3.
func MaxRetries(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("retry: MaxRetries must be at least 0, got %d; math.MaxInt sets no bound", n))
	}
	return optionFunc(func(c *config) { c.maxRetries = n })
}

// Backoff sets the pauses between attempts. By default they are
// FullJitter(Exponential(100*time.Millisecond, 2*time.Second)).
func Backoff(d Delays) Option {
	checkDelays("Backoff", d)
	return optionFunc(func(c *config) { c.backoff, c.sequence = d, nil })
}

// MaxDelay bounds every pause: one that [Backoff] returns and one that an error
// asks for are cut to d, and a rejection that asks for more ends the call. To a
// pause that was asked for up to a tenth of jitter is added, also beyond d.
//
// Without it a rejection may ask for the largest delay of the backoff (see
// [Delays]), and any other error for that or 30 seconds, whichever is longer. To
// cut what an error asks for is to ask again before the time: see [After] for how
// to end the call instead.
func MaxDelay(d time.Duration) Option {
	checkPositive("MaxDelay", d)
	return optionFunc(func(c *config) { c.maxDelay = d })
}

// MaxElapsed bounds the time from the beginning of a call to the beginning of
// its last attempt: a retry that would begin later is not made, and its pause
// not either. It does not cut an attempt short; a timeout on the context does.
func MaxElapsed(d time.Duration) Option {
	checkPositive("MaxElapsed", d)
	return optionFunc(func(c *config) { c.maxElapsed = d })
}

// AttemptTimeout gives each attempt a context that ends d after it began, and
// with the attempt: what is to be read later, as the body of a response, must
// be read by then. The error of an attempt that it ended matches
// [ErrAttemptTimeout] and is retried. A deadline of the caller that comes first,
// or at the same instant, is the caller's and ends the call. It costs a timer for
// each attempt.
func AttemptTimeout(d time.Duration) Option {
	checkPositive("AttemptTimeout", d)
	return optionFunc(func(c *config) { c.timeout = &attemptTimeout{d} }) // one for each policy
}

// If retries only errors that f is true for. It is not asked about errors that
// end the call anyway, as those that [Permanent] marked.
func If(f func(error) bool) Option {
	if f == nil {
		panic("retry: If needs a function, got nil")
	}
	return optionFunc(func(c *config) { c.retryIf = f })
}

// Spend makes every retry take one from b. Where b has none left the call ends
// with [ErrBudgetSpent].
func Spend(b *Budget) Option {
	if b == nil || b.calls.cells == nil {
		panic("retry: Spend needs a budget, got nil or a zero one; make one with NewBudget")
	}
	return optionFunc(func(c *config) { c.budget = b })
}

// Counted makes Stats count the calls, at the cost of an atomic add for each.
func Counted() Option { return optionFunc(func(c *config) { c.counted = true }) }

// On registers events. A later On replaces an earlier one.
func On(e Events) Option { return optionFunc(func(c *config) { c.events = e }) }

func checkPositive(name string, d time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("retry: %s must be positive, got %v", name, d))
	}
}

// ordinary reports whether the beginning of a call has no more to do than most.
func (c *config) ordinary() bool {
	return c.maxElapsed == 0 && c.budget == nil && c.timeout == nil && c.hedge == nil && !c.counted
}
