package fanout

import "context"

// Future is the result of one task of a [Group]. It is safe for concurrent use.
type Future[T any] struct {
	task  task
	f     func(context.Context) (T, error)
	plain func(context.Context) error // in place of f
	value T                           // like err written before the task is ended
	err   error                       // of a task that did not end well
}

// Go makes f a task of g and returns its future. If as many tasks run as g has
// workers, f waits for its turn; if as many wait already, Go waits until more than
// half of them have begun. That ends, too, when the group stops: then f does not run, and
// its future says so with [ErrSkipped]. Tasks begin in the order of the calls.
//
// A task may start others, but not wait for them, nor, beyond what there is room for,
// in Go: if all tasks that run do, nobody is left to run what they wait for. So a task
// that starts more others than there are [Workers] should return them to who started
// it, or use [TryGo]. Go panics once [Group.Wait] has returned.
func Go[T any](g *Group, f func(context.Context) (T, error)) *Future[T] {
	if f == nil {
		panic("fanout: Go needs a function, got nil")
	}
	t := future(g, f)
	t.task.add(g, t)
	return t
}

// TryGo is [Go] that never waits: it reports false, and has no future, where Go
// would have to wait for room. So a task may always call it, and do itself what was
// not taken. A group that has stopped takes f, as Go does, and skips it.
func TryGo[T any](g *Group, f func(context.Context) (T, error)) (*Future[T], bool) {
	if f == nil {
		panic("fanout: TryGo needs a function, got nil")
	}
	t := future(g, f)
	if !t.task.try(g, t) {
		return nil, false
	}
	return t, true
}

// future returns the future of f with what the options of g put around it.
func future[T any](g *Group, f func(context.Context) (T, error)) *Future[T] {
	if g.cfg.wraps() {
		inner := f
		call := wrap(g.cfg, func(ctx context.Context, _ struct{}) (T, error) { return inner(ctx) })
		f = func(ctx context.Context) (T, error) { return call(ctx, struct{}{}) }
	}
	return &Future[T]{f: f}
}

// Result waits until the task has ended and returns what it returned. The error
// is
//
//   - what the task returned: its value is then the zero value and means nothing,
//   - a *[PanicError] if it panicked, [ErrGoexit] if it called runtime.Goexit,
//   - one that matches [ErrSkipped], and what stopped the group, if it never ran.
func (t *Future[T]) Result() (T, error) {
	t.task.wait()
	return t.value, t.err
}

// Done returns a channel that is closed when the task has ended.
func (t *Future[T]) Done() <-chan struct{} { return t.task.over() }

// run is [job].
func (t *Future[T]) run(ctx context.Context) error {
	var v T
	var err error
	if t.plain != nil {
		err = t.plain(ctx)
	} else {
		v, err = t.f(ctx)
	}
	t.f, t.plain, t.err = nil, nil, err // what a task holds on to is not needed any more
	if err == nil {
		t.value = v
	}
	return err
}

// fail is [job].
func (t *Future[T]) fail(err error) {
	t.f, t.plain, t.err = nil, nil, err
}
