package fanout

import (
	"context"

	"github.com/weirkit/weir/internal/list"
)

// job is a [Future] of any type.
type job interface {
	// run runs it and keeps what comes out.
	run(ctx context.Context) error
	// fail keeps err as what came out.
	fail(err error)
}

// task is what a [Group] knows of a Future.
type task struct {
	group *Group
	job   job
	links list.Node[task]
	index int
	in    chan struct{} // closed when the task gets out of blocked into queue

	// Guarded by the group's mu.
	blocked bool
	ended   bool
	done    chan struct{} // made by the first that waits for it; closed when ended
}

// Links is [list.Linked].
func (t *task) Links() *list.Node[task] { return &t.links }

// add makes t, whose job is j, a task of g.
func (t *task) add(g *Group, j job) {
	t.group, t.job = g, j
	g.submit(t, true)
}

// try is add that does not wait. It reports whether t is a task of g now.
func (t *task) try(g *Group, j job) bool {
	t.group, t.job = g, j
	return g.submit(t, false)
}

// over returns a channel that is closed when the task has ended.
func (t *task) over() <-chan struct{} {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	if t.done == nil {
		t.done = make(chan struct{})
		if t.ended {
			close(t.done)
		}
	}
	return t.done
}

// wait returns when the task has ended.
func (t *task) wait() {
	t.group.mu.Lock()
	ended := t.ended
	t.group.mu.Unlock()
	if !ended {
		<-t.over()
	}
}
