package semaphore

import (
	"context"
	"fmt"

	"github.com/weirkit/weir/internal/mono"
	"github.com/weirkit/weir/internal/waiting"
)

// Adaptive is a semaphore that finds its limit: how many calls at once a
// backend can take before they only wait for each other. Make it with
// [NewAdaptive]; it must not be copied, and is safe for concurrent use. Waiting
// and order are those of [Semaphore], whose options it takes.
//
// It measures how long calls take, in windows of 200 ms or longer, and compares
// that with the baseline: what a call takes when the backend has no queue.
// Beyond the knee every further call adds its share of waiting, so by Little's
// law limit x baseline / latency is where the queue would be gone. The limit
// settles 10 to 25 % above that, enough to notice when the backend can take
// more. It is raised only while calls really use all of it, so that it does not
// drift while idle.
//
// The baseline is learned before there is a queue, follows latency down, and goes
// up only by evidence that the wait is not our own: every 5 to 20
// seconds the limit is lowered by a quarter for a moment, and a latency that does
// not fall with the limit is the backend's. So an incident does not become the
// new normal while it lasts; [MaxBaseline] bounds what may ever pass for normal.
//
// Calls that were dropped lower the limit at once, however fast they failed, if
// they are more than 5 % of a window; but never twice for the same limit.
//
// It finds the knee of a simulated server within 30 seconds and holds it within
// 30 %; docs/adaptive-concurrency.md has a table beside published algorithms and
// the command that prints it. A backend with one worker, or with calls of many
// seconds, takes it longer: a decision needs ten calls at least.
//
// Cost: a call costs what it costs with a Semaphore, two readings of the clock
// and a short lock.
type Adaptive struct {
	sem      *Semaphore
	clock    mono.Clock
	classify func(error) Outcome

	control control
}

// NewAdaptive returns a semaphore whose limit stays between lowest and highest.
// It begins with lowest, and doubles from window to window until calls begin to
// wait for each other. It panics unless 1 <= lowest <= highest <= [MaxLimit].
func NewAdaptive(lowest, highest int64, opts ...Option) *Adaptive {
	if lowest < 1 || lowest > highest || highest > MaxLimit {
		panic(fmt.Sprintf("semaphore: limits must be 1 <= lowest <= highest <= %d, got %d and %d", int64(MaxLimit), lowest, highest))
	}
	cfg := newConfig("NewAdaptive", opts)
	a := &Adaptive{classify: cfg.classify, clock: mono.New()}
	if a.classify == nil {
		a.classify = classify
	}
	first := min(max(cfg.initial, lowest), highest)
	a.sem = newSemaphore(first, cfg, &waiting.Counts{})
	a.control.start(lowest, highest, first, &cfg)
	return a
}

// made returns the semaphore inside.
func (a *Adaptive) made() *Semaphore {
	if a.sem == nil {
		panic("semaphore: an Adaptive must be made by NewAdaptive, this one is a zero value")
	}
	return a.sem
}

// Do runs fn on this goroutine while holding a permit and learns from how it
// went: see [Outcomes]. Where the permit cannot be had, fn does not run and the
// error is that of [Semaphore.Acquire]. A panic or runtime.Goexit of fn passes
// through and is ignored by the measurement; the permit is back in every case.
func (a *Adaptive) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := a.made().Acquire(ctx, 1); err != nil {
		return err
	}
	outcome, began := Ignored, a.clock.Now()
	defer func() { a.done(began, outcome) }()
	err := fn(ctx)
	outcome = mustExist(a.classify(err))
	return err
}

// DoAdaptive is [Adaptive.Do] for a function with a result. On an error that
// comes from a the result is the zero value and means nothing.
func DoAdaptive[T any](ctx context.Context, a *Adaptive, fn func(context.Context) (T, error)) (T, error) {
	mustHave(fn != nil)
	if err := a.made().Acquire(ctx, 1); err != nil {
		var none T
		return none, err
	}
	outcome, began := Ignored, a.clock.Now()
	defer func() { a.done(began, outcome) }()
	v, err := fn(ctx)
	outcome = mustExist(a.classify(err))
	return v, err
}

// Acquire is the first step of a call in two steps; the second is a method of
// the [Call] that says how it went. Its errors are those of [Semaphore.Acquire].
func (a *Adaptive) Acquire(ctx context.Context) (*Call, error) {
	if err := a.made().Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return &Call{a: a, began: a.clock.Now()}, nil
}

// TryAcquire is Acquire if a permit is free: otherwise it returns nil and false
// at once.
func (a *Adaptive) TryAcquire() (*Call, bool) {
	if !a.made().TryAcquire(1) {
		return nil, false
	}
	return &Call{a: a, began: a.clock.Now()}, true
}

// done ends a call: it gives the permit back and learns from the outcome.
func (a *Adaptive) done(began int64, outcome Outcome) {
	held := a.sem.Held()
	a.sem.Release(1)
	if a.control.learn(a.sem, a.clock.Now(), began, held, outcome) {
		a.control.tell()
	}
}

// Limit returns the limit of this moment.
func (a *Adaptive) Limit() int64 { return a.made().Limit() }

// Held returns the number of calls under way.
func (a *Adaptive) Held() int64 { return a.made().Held() }

// Waiting returns the number of callers in the queue.
func (a *Adaptive) Waiting() int { return a.made().Waiting() }

// Close makes every acquisition fail with [ErrClosed] from now on, also those
// that wait. Calls under way end as ever.
func (a *Adaptive) Close() { a.made().Close() }
