package fanout

import "context"

// Future is the result of one task of a [Group]. It is safe for concurrent use.
type Future[T any] struct {
	task
	f     func(context.Context) (T, error)
	done  chan struct{}
	value T     // like err written before done is closed
	err   error // of a task that did not end well
}

// Go makes f a task of g and returns its future. If as many tasks run as g has
// workers, f waits for its turn; if as many wait already, Go waits until one of
// them begins. That ends, too, when the group stops: then f does not run, and
// its future says so with [ErrSkipped]. Tasks begin in the order of the calls.
//
// A task may start others, but not wait for them: if all do, nobody is left to run
// what they wait for. Go panics once [Group.Wait] has returned.
func Go[T any](g *Group, f func(context.Context) (T, error)) *Future[T] {
	if f == nil {
		panic("fanout: Go needs a function, got nil")
	}
	if g.cfg.wraps() {
		inner := f
		call := wrap(g.cfg, func(ctx context.Context, _ struct{}) (T, error) { return inner(ctx) })
		f = func(ctx context.Context) (T, error) { return call(ctx, struct{}{}) }
	}
	t := &Future[T]{f: f, done: make(chan struct{})}
	t.job = t
	g.submit(&t.task)
	return t
}

// Result waits until the task has ended and returns what it returned. The error
// is
//
//   - what the task returned: its value is then the zero value and means nothing,
//   - a *[PanicError] if it panicked, [ErrGoexit] if it called runtime.Goexit,
//   - one that matches [ErrSkipped], and what stopped the group, if it never ran.
func (t *Future[T]) Result() (T, error) {
	<-t.done
	return t.value, t.err
}

// Done returns a channel that is closed when the task has ended.
func (t *Future[T]) Done() <-chan struct{} { return t.done }

// run is [job].
func (t *Future[T]) run(ctx context.Context) error {
	v, err := t.f(ctx)
	t.settle(v, err)
	return err
}

// fail is [job].
func (t *Future[T]) fail(err error) {
	var none T
	t.settle(none, err)
}

func (t *Future[T]) settle(v T, err error) {
	if t.f = nil; err == nil {
		t.value = v
	}
	t.err = err
	close(t.done)
}
