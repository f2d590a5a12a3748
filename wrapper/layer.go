package wrapper

import (
	"context"
	"fmt"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/retry"
)

// Layer is a policy around a call. Every policy of the SDK is one; so is
// anything of yours with this method.
//
// Do may run fn never (and return an error), once, several times one after the
// other, or several times at once. It returns nil only if a run of fn did. A run
// that it begins after it has returned does nothing, and gets context.Canceled.
type Layer interface {
	Do(ctx context.Context, fn func(context.Context) error) error
}

// timeoutLayer ends the context of a call after limit.d.
type timeoutLayer struct{ limit *limit }

// Timeout returns a layer that gives what is inside it d from now on. It is
// cooperative: it ends the context, and waits for the call to notice.
//
// A call that returns an error once d has passed gets a *TimeoutError, which
// matches ErrTimeout, context.DeadlineExceeded and the call's own error. A call
// that succeeds late has succeeded. If the caller's own deadline is sooner, it
// counts, and what it causes is not reported as ErrTimeout.
//
// The context has a Deadline, and its Cause is a *TimeoutError. It costs one
// allocation, and a timer only once somebody listens to it.
//
// It panics if d is not above zero.
func Timeout(d time.Duration) Layer { return newTimeoutLayer("Timeout", d) }

// AttemptTimeout is Timeout for the place right around the call, inside a
// retry: one slow attempt must not eat the time of the others.
func AttemptTimeout(d time.Duration) Layer { return newTimeoutLayer("AttemptTimeout", d) }

func newTimeoutLayer(name string, d time.Duration) *timeoutLayer {
	if d <= 0 {
		panic(fmt.Sprintf("wrapper: %s must be above zero, got %v", name, d))
	}
	return &timeoutLayer{limit: newLimit(name, d)}
}

func (t *timeoutLayer) Do(ctx context.Context, fn func(context.Context) error) error {
	needsFunction(t.limit.name, fn != nil)
	c := t.limit.start(ctx)
	defer c.end()
	return c.verdict(fn(c))
}

func (t *timeoutLayer) String() string { return t.limit.String() }

// Waiter is a rate limiter: Wait blocks until a call may start, or returns why
// it may not. *rate.Limiter of golang.org/x/time is one.
type Waiter interface {
	Wait(ctx context.Context) error
}

// Limiter makes a layer of any rate limiter. It stands in the place of our own:
// a breaker in front of it lets calls wait here before it counts them.
func Limiter(w Waiter) Layer {
	if isNil(w) {
		panic(fmt.Sprintf("wrapper: Limiter needs a limiter, got nil (%T)", w))
	}
	return waiterLayer{w}
}

type waiterLayer struct{ waiter Waiter }

func (l waiterLayer) Do(ctx context.Context, fn func(context.Context) error) error {
	needsFunction("Limiter", fn != nil)
	if err := l.waiter.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

func (l waiterLayer) String() string { return fmt.Sprintf("Limiter(%T)", l.waiter) }

// Acquirer is a weighted semaphore. *semaphore.Weighted of golang.org/x/sync is
// one.
type Acquirer interface {
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}

// Semaphore makes a layer of any semaphore; a call holds one permit. Like
// Limiter it stands in the place of our own.
func Semaphore(a Acquirer) Layer {
	if isNil(a) {
		panic(fmt.Sprintf("wrapper: Semaphore needs a semaphore, got nil (%T)", a))
	}
	return acquirerLayer{a}
}

type acquirerLayer struct{ acquirer Acquirer }

func (l acquirerLayer) Do(ctx context.Context, fn func(context.Context) error) error {
	needsFunction("Semaphore", fn != nil)
	if err := l.acquirer.Acquire(ctx, 1); err != nil {
		return err
	}
	defer l.acquirer.Release(1)
	return fn(ctx)
}

func (l acquirerLayer) String() string { return fmt.Sprintf("Semaphore(%T)", l.acquirer) }

// Func makes a layer of a function that is given the context and what is inside
// the layer.
type Func func(ctx context.Context, next func(context.Context) error) error

// Do calls f.
func (f Func) Do(ctx context.Context, fn func(context.Context) error) error { return f(ctx, fn) }

func (f Func) String() string { return "Func" }

// Hedge returns a layer that starts a second run of what is inside when the first
// has taken d, and takes the first that succeeds; the other is cancelled and
// waited for. Only what may run twice at once can be hedged, and each run pays
// its tokens and holds its permits. It is retry.Hedge without retries; see there
// for its budget.
//
// It panics if d is not above zero.
func Hedge(d time.Duration) Layer {
	if d <= 0 {
		panic(fmt.Sprintf("wrapper: Hedge must be above zero, got %v", d))
	}
	return retry.New(retry.MaxRetries(0), retry.Hedge(d))
}

// PanicError is a panic that a Recover layer caught: its value and the stack of
// where it happened.
type PanicError = fault.PanicError

// Recover returns a layer that makes an error, a *PanicError, of a panic inside
// it. Without it a panic passes through a wrapper untouched, which is what
// programs want that rather crash than go on. Right around the call it makes a
// panic one failed attempt; outermost it keeps one from the caller. A
// runtime.Goexit passes all the same.
func Recover() Layer { return recoverLayer{} }

type recoverLayer struct{}

func (recoverLayer) Do(ctx context.Context, fn func(context.Context) error) (err error) {
	needsFunction("Recover", fn != nil)
	defer func() {
		if r := recover(); r != nil {
			err = fault.Panicked(r)
		}
	}()
	return fn(ctx)
}

func (recoverLayer) String() string { return "Recover" }
