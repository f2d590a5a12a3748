package pipeline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/list"
)

// inputs are the items of the source of which something is still under way, in
// the order of their numbers: a run with Checkpoints stands at the first of them.
//
// Each is held by whoever has a piece of it: the loop that works on one now, and
// every queue, batch and window that keeps one for later. When the last lets go
// it is done. So there is an input for each item in flight and no more, however
// far a slow one stays behind, and nothing need know what stages make of an item.
type inputs struct {
	mu   sync.Mutex // never held while anything blocks
	next int64      // the number of the source's next item
	open list.List[input, *input]
	free *input // to be used again, linked by spare
}

// input is an item of the source that is not done.
type input struct {
	links  list.Node[input]
	number int64
	holds  atomic.Int64
	spare  *input
}

// Links is for package list.
func (i *input) Links() *list.Node[input] { return &i.links }

// begin notes the source's next item, which the caller holds.
func (s *inputs) begin() *input {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.free
	if i == nil {
		i = &input{}
	} else {
		s.free, i.spare = i.spare, nil
	}
	i.number = s.next
	i.holds.Store(1)
	s.next++
	s.open.PushBack(i)
	return i
}

// hold is one more holder of i. The caller is one.
func (s *inputs) hold(i *input) { i.holds.Add(1) }

// drop is one holder less.
func (s *inputs) drop(i *input) {
	if i.holds.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Remove(i)
	i.spare, s.free = s.free, i
}

// low is the number below which everything is done.
func (s *inputs) low() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.open.Front(); first != nil {
		return first.number
	}
	return s.next
}

// loop is the goroutine on which some fused stages run, as far as inputs are
// concerned. It is nil in a run without Checkpoints: then all this costs a look at
// nil where an item changes goroutines or is kept, and nothing elsewhere.
type loop struct {
	inputs *inputs
	at     *input // of the item that is being worked on
	enough bool   // a stage wants no more, although that item is done
}

// begin makes the loop of what comes behind l, on another goroutine.
func (l *loop) behind() *loop {
	if l == nil {
		return nil
	}
	return &loop{inputs: l.inputs}
}

// keep holds the input of the item that is being worked on.
func (l *loop) keep() *input {
	if l == nil {
		return nil
	}
	l.inputs.hold(l.at)
	return l.at
}

// keepLowest is keep for one of several items that only go on together: it is
// enough to hold the one with the lowest number. It returns that; in is the one of
// the others.
func (l *loop) keepLowest(in *input) *input {
	switch {
	case l == nil:
		return nil
	case in == nil:
		return l.keep()
	case l.at.number >= in.number:
		return in
	}
	l.inputs.drop(in)
	return l.keep()
}

// drop lets go of what was kept.
func (l *loop) drop(in *input) {
	if in != nil {
		l.inputs.drop(in)
	}
}

// finish says that yield is about to return false although the item is done.
func (l *loop) finish() {
	if l != nil {
		l.enough = true
	}
}

// unfinish says that there was more of the item.
func (l *loop) unfinish() {
	if l != nil {
		l.enough = false
	}
}

// pass yields an item whose input is held, and lets go of that if the item is
// done. Where yield says false it is not, but for [loop.finish]: nobody knows how
// far it came. Nor where yield panics.
func pass[T any](l *loop, in *input, v T, yield func(T) bool) bool {
	if in == nil {
		return yield(v)
	}
	before := l.at
	l.at, l.enough = in, false
	more := yield(v)
	l.at = before
	if more || l.enough {
		l.inputs.drop(in)
	}
	return more
}

// numbered begins an input with each item of src, but for the first ones, which it
// leaves out.
func numbered[T any](l *loop, src producer[T]) producer[T] {
	skip := l.inputs.next
	return func(ctx context.Context, yield func(T) bool) error {
		return src(ctx, func(v T) bool {
			if skip > 0 {
				skip--
				return true
			}
			return pass(l, l.inputs.begin(), v, yield)
		})
	}
}

// carrier takes the inputs of items from one loop to another, beside whatever
// takes the items. It knows them by their index there. It is nil in a run without
// Checkpoints.
type carrier struct {
	from, to *loop

	mu   sync.Mutex
	held map[int64]*input
	n    int64 // how many were put; from's
}

// cross makes the loop that comes next in r, and what takes inputs there.
func (r *run) cross() *carrier {
	if r.loop == nil {
		return nil
	}
	c := &carrier{from: r.loop, to: r.loop.behind(), held: map[int64]*input{}}
	r.loop = c.to
	return c
}

// put keeps the input of from's item under the next index.
func (c *carrier) put() {
	if c == nil {
		return
	}
	in := c.from.keep()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[c.n] = in
	c.n++
}

// take returns the input of an index, which the caller now holds.
func (c *carrier) take(index int64) *input {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.held[index]
	delete(c.held, index)
	return in
}

// forget lets go of the input of an index. It may be called on any goroutine.
func (c *carrier) forget(index int64) {
	if in := c.take(index); in != nil {
		c.to.inputs.drop(in)
	}
}

// look returns the input of an index that is still held here.
func (c *carrier) look(index int64) *input {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[index]
}

// hold is one more holder of in.
func (c *carrier) hold(in *input) {
	if in != nil {
		c.to.inputs.hold(in)
	}
}

// loops returns the loop before and the one behind, if there are such.
func (c *carrier) loops() (from, to *loop) {
	if c == nil {
		return nil, nil
	}
	return c.from, c.to
}

// fed is up whose items put their inputs into c.
func fed[T any](c *carrier, up producer[T]) producer[T] {
	if c == nil {
		return up
	}
	return func(ctx context.Context, yield func(T) bool) error {
		return up(ctx, func(v T) bool {
			c.put()
			return yield(v)
		})
	}
}
