package wrapper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// deadline is a context that ends at a deadline of ours, and costs one small
// object and one reading of the clock as long as nobody listens.
//
// Its reference is context.WithDeadlineCause, and it behaves like it in every
// corner by becoming it: whoever asks for more than "is it over?" (Done, a
// child, AfterFunc, Cause) arms it, and from then on the real context made at
// that moment answers every question. Before that there is no timer, no channel
// and no entry in the parent.
//
// Invariant: inner goes nil -> (done | a real context), done -> a real context
// that is cancelled, and never elsewhere. So what Err and Cause said once they
// say for ever.
type deadline struct {
	parent context.Context
	limit  *limit
	inner  atomic.Pointer[armed]
	ns     int64 // our deadline by limit.clock
	own    bool  // it is not after the parent's, so that it counts
	quiet  bool  // see hush
}

// limit is what every deadline of one Timeout layer has in common.
type limit struct {
	name  string
	d     time.Duration
	clock mono.Clock
	cause *TimeoutError // without an error of a call; its identity tells whose deadline passed
}

// armed is a real context and how to end it.
type armed struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// done marks a deadline that ended, because its call returned, before anybody
// listened, or saw the deadline pass, and before the parent's end. Nobody writes
// to it.
var done = &armed{}

// contextKey is the key by which package context looks for its own contexts. A
// context that says more than nil for it must be the right one, or
// context.Cause gives the cause of somebody else.
var contextKey = func() any {
	s := spy{Context: context.Background()}
	_ = context.Cause(&s)
	return s.key
}()

// spy is an ended context that keeps the key it is asked for.
type spy struct {
	context.Context

	key any
}

func (*spy) Err() error { return context.Canceled }

func (s *spy) Value(key any) any {
	s.key = key
	return nil
}

func newLimit(name string, d time.Duration) *limit {
	return &limit{name: name, d: d, clock: mono.New(), cause: &TimeoutError{Limit: d}}
}

func (l *limit) String() string { return fmt.Sprintf("%s(%v)", l.name, l.d) }

// start returns a context for a call that begins now.
func (l *limit) start(parent context.Context) *deadline {
	now := l.clock.Now() // negative in a synctest bubble, if l was made outside
	ns := now + int64(l.d)
	if ns < now {
		ns = math.MaxInt64 // centuries ahead
	}
	at, ok := parent.Deadline()
	return &deadline{parent: parent, limit: l, ns: ns, own: !ok || l.clock.At(at) >= ns}
}

// hush makes c spare the clock until it is handed to code that is not ours.
// Between its start and then it has seen nothing but our own gates, which wait
// through Done alone: as long as it is not armed no time to speak of has passed.
func (c *deadline) hush() { c.quiet = true }

// speak ends what hush began, and must come before anybody else has c. Later it
// only reads, so that a retry does not write what leftovers of an earlier
// attempt read.
func (c *deadline) speak() {
	if c != nil && c.quiet {
		c.quiet = false
	}
}

// fresh reports whether c was made just now, and nothing has waited since.
func (c *deadline) fresh() bool { return c.quiet && c.inner.Load() == nil }

// passed reports whether the deadline has passed.
func (c *deadline) passed() bool {
	return c.limit.clock.Now() >= c.ns
}

// arm makes the real context, unless it is there, and returns it. If the
// deadline or the parent is over, it is made ended, with the right error.
func (c *deadline) arm() *armed {
	for {
		was := c.inner.Load()
		if was != nil && was != done {
			return was
		}
		now := c.build(was == done)
		if c.inner.CompareAndSwap(was, now) {
			return now
		}
		now.cancel() // another goroutine was first
	}
}

func (c *deadline) build(returned bool) *armed {
	parent := c.parent
	switch {
	case returned:
		ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
		cancel()
		return &armed{ctx, cancel}
	case !c.own:
		ctx, cancel := context.WithCancel(parent)
		return &armed{ctx, cancel}
	case c.ranOutFirst():
		// The real context would copy the end of its parent, although ours came
		// first and nobody was there to see it.
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithDeadlineCause(parent, c.at(), c.limit.cause)
	return &armed{ctx, cancel}
}

// ranOutFirst reports whether the parent has ended at a deadline of its own,
// which lies behind ours, so that ours has passed too.
func (c *deadline) ranOutFirst() bool {
	if err := c.parent.Err(); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	at, ok := c.parent.Deadline()
	return ok && at.After(c.at()) && c.passed()
}

// end ends c because its call returned. It is idempotent.
//
// It spares the clock: if the deadline has passed, but nobody has looked since,
// the return goes first, as it does where a timer fires late.
func (c *deadline) end() {
	if c.inner.Load() == nil {
		if c.parent.Err() == nil && c.inner.CompareAndSwap(nil, done) {
			return
		}
		c.arm() // the parent had ended before, and that stays so
	}
	if a := c.inner.Load(); a != done {
		a.cancel()
	}
}

// fired reports whether c has ended because its own deadline passed.
func (c *deadline) fired() bool {
	return c.own && c.Err() != nil && context.Cause(c) == error(c.limit.cause) //nolint:errorlint // identity tells whose deadline it was
}

// at returns our deadline.
func (c *deadline) at() time.Time { return c.limit.clock.Time(c.ns) }

// Deadline returns the sooner of our deadline and the parent's.
func (c *deadline) Deadline() (time.Time, bool) {
	if c.own {
		return c.at(), true
	}
	return c.parent.Deadline()
}

// Done arms c: from here on there is a timer.
func (c *deadline) Done() <-chan struct{} { return c.arm().ctx.Done() }

// Err arms nothing unless it has an end to report, which must then stay. An end
// that has come does not go: the clock and contexts only go forward.
func (c *deadline) Err() error {
	switch a := c.inner.Load(); a {
	case nil:
		if c.parent.Err() == nil && (c.quiet || !c.own || !c.passed()) {
			return nil
		}
		return c.arm().ctx.Err()
	case done:
		return context.Canceled
	default:
		return a.ctx.Err()
	}
}

// Value is the parent's, but for the key by which package context finds out
// whose child or cause this is.
func (c *deadline) Value(key any) any {
	if key == contextKey {
		return c.arm().ctx.Value(key)
	}
	return c.parent.Value(key)
}

// String is for people who print a context.
func (c *deadline) String() string {
	return fmt.Sprintf("%v.%v", c.parent, c.limit)
}
