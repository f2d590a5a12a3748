package fanout

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/list"
)

// Group runs tasks that are added one by one, of any result types, as many at
// once as it has workers. Make it with [NewGroup]; it must not be copied. It is
// safe for concurrent use.
//
// The first error stops it: the context of the running tasks is cancelled, and
// no further one begins. With [CollectErrors] it goes on.
//
// It has no goroutine while it has no task, and never more than workers. Call
// [Group.Wait] in every case: it is what ends the group's context.
type Group struct {
	ctx    scope // of the tasks
	cfg    *config
	record record

	mu      sync.Mutex // never held while anything blocks or user code runs
	workers int        // how many tasks may run at once
	running int        // goroutines
	tasks   int        // calls of Go so far
	open    int        // tasks that have not ended
	skipped bool       // a task never ran
	over    bool       // Wait has returned
	fault   *fault.Fault
	queue   list.List[task, *task] // at most workers; whoever takes one lets one in
	blocked list.List[task, *task] // whose Go waits
	idle    chan struct{}          // closed when open and running are 0; made by Wait
}

// NewGroup returns a group without tasks, whose context ends with ctx. It takes
// Workers, CollectErrors, KeepFailures, Timeout, Guard, Progress and PanicsAsErrors.
// Without [Workers] there are GOMAXPROCS: set it for
// tasks that wait.
func NewGroup(ctx context.Context, opts ...Option) *Group {
	if ctx == nil {
		panic("fanout: NewGroup needs a context, got nil")
	}
	g := &Group{cfg: newConfig(function{"NewGroup", onGroups}, opts, -1)}
	g.ctx.parent = ctx
	if g.cfg.keep > 0 {
		g.record.kept = &kept{most: g.cfg.keep}
	}
	if g.workers = g.cfg.workers; g.workers == 0 {
		g.workers = runtime.GOMAXPROCS(0)
	}
	return g
}

// Go is the function [Go] for a task without a result.
func (g *Group) Go(f func(context.Context) error) *Future[struct{}] {
	if f == nil {
		panic("fanout: Go needs a function, got nil")
	}
	if g.cfg.wraps() {
		return Go(g, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	}
	t := &Future[struct{}]{plain: f}
	t.task.add(g, t)
	return t
}

// TryGo is the function [TryGo] for a task without a result: it reports whether f
// was taken.
func (g *Group) TryGo(f func(context.Context) error) bool {
	if f == nil {
		panic("fanout: TryGo needs a function, got nil")
	}
	_, ok := TryGo(g, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return ok
}

// Workers returns how many tasks may run at once.
func (g *Group) Workers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.workers
}

// SetWorkers changes how many tasks may run at once. Tasks that run are not
// disturbed. It panics if n is not positive.
func (g *Group) SetWorkers(n int) {
	if n < 1 {
		panic(fmt.Sprintf("fanout: Workers must be at least 1, got %d", n))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.workers = n
	for g.running < g.workers {
		t := g.takeLocked()
		if t == nil {
			break
		}
		g.running++
		go g.work(t)
	}
	g.admitLocked()
}

// Wait waits until every task has ended, those that tasks start included, and
// ends the group. It returns the error of the task with the lowest index among
// those that failed by themselves, as an *[ItemError]; with CollectErrors all
// failures, as a *[BatchError]; the error of the context if that kept tasks from
// running. If a task panicked, Wait panics with a *[PanicError]; if one called
// runtime.Goexit, so does Wait. Further calls return the same.
func (g *Group) Wait() error {
	g.mu.Lock()
	for g.open > 0 || g.running > 0 {
		if g.idle == nil {
			g.idle = make(chan struct{})
		}
		idle := g.idle
		g.mu.Unlock()
		<-idle
		g.mu.Lock()
	}
	first := !g.over
	g.over = true
	f, complete := g.fault, !g.skipped
	g.mu.Unlock()
	if first {
		g.ctx.end()
	}
	f.Raise()
	return g.record.outcome(g.ctx.parent, complete)
}

// submit runs t, queues it, or, if it may, waits until it can be queued. It
// reports whether t is a task of the group now.
func (g *Group) submit(t *task, mayWait bool) bool {
	stopped := g.ctx.Err() != nil
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		panic("fanout: Go was called after Wait had returned; make a new Group")
	}
	idle, room := g.running < g.workers, g.queue.Len() < g.workers && g.blocked.Len() == 0
	if !mayWait && !stopped && !idle && !room {
		g.mu.Unlock()
		return false
	}
	t.index = g.tasks
	g.tasks++
	g.open++
	switch {
	case stopped:
		g.mu.Unlock()
		g.skip(t)
	case idle:
		g.running++
		g.mu.Unlock()
		go g.work(t)
	case room:
		g.queue.PushBack(t)
		g.mu.Unlock()
	default:
		t.in, t.blocked = make(chan struct{}), true
		g.blocked.PushBack(t)
		g.mu.Unlock()
		g.await(t)
	}
	return true
}

// await waits until t gets into the queue or the group stops.
func (g *Group) await(t *task) {
	select {
	case <-t.in:
		return
	case <-g.ctx.Done():
	}
	g.mu.Lock()
	out := t.blocked
	if out {
		g.blocked.Remove(t)
	}
	g.mu.Unlock()
	if out {
		g.skip(t)
	}
}

// takeLocked takes the task whose turn it is, nil if there is none. Those who
// wait get in once the queue is less than half full: one that submits many tasks
// would otherwise be woken for each. So nobody waits while the queue is empty.
func (g *Group) takeLocked() *task {
	t := g.queue.PopFront()
	if g.queue.Len() <= (g.workers-1)/2 {
		g.admitLocked()
	}
	return t
}

// admitLocked lets those who wait into the queue, as many as there is room for.
func (g *Group) admitLocked() {
	for g.queue.Len() < g.workers && g.blocked.Len() > 0 {
		t := g.blocked.PopFront()
		g.queue.PushBack(t)
		t.blocked = false
		close(t.in)
	}
}

// work is a worker. It begins with t.
func (g *Group) work(t *task) {
	fault.Catch(func() {
		for t != nil {
			g.run(t)
			t = g.next()
		}
	}, func(f *fault.Fault) {
		if f != nil {
			g.faulted(t, f)
			for t = g.next(); t != nil; t = g.next() {
				g.run(t) // skips it: the group has stopped
			}
		}
	})
}

// run runs t, unless the group has stopped.
func (g *Group) run(t *task) {
	if g.ctx.Err() != nil {
		g.skip(t)
		return
	}
	if err := t.job.run(&g.ctx); err != nil {
		g.record.fail(&g.ctx, t.index, err)
	}
	g.ended(t)
}

func (g *Group) faulted(t *task, f *fault.Fault) {
	g.mu.Lock()
	if g.fault == nil || g.fault.Err() == ErrGoexit { //nolint:errorlint // the fault itself; a panic goes before it
		g.fault = f
	}
	g.mu.Unlock()
	g.ctx.cancel(f.Err())
	t.job.fail(f.Err())
	g.ended(t)
}

// skip ends a task that does not run.
func (g *Group) skip(t *task) {
	g.mu.Lock()
	g.skipped = true
	g.mu.Unlock()
	t.job.fail(&skipped{ctxerr.Of(&g.ctx)})
	g.ended(t)
}

// ended tells those who wait for t, and counts it off.
func (g *Group) ended(t *task) {
	g.mu.Lock()
	t.ended = true
	if t.done != nil {
		close(t.done)
	}
	g.open--
	g.signalLocked()
	g.mu.Unlock()
}

// next returns the next task of a worker, or nil if it is to end.
func (g *Group) next() *task {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running <= g.workers {
		if t := g.takeLocked(); t != nil {
			return t
		}
	}
	g.running--
	g.signalLocked()
	return nil
}

func (g *Group) signalLocked() {
	if g.open == 0 && g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}
