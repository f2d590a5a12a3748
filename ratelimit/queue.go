package ratelimit

import (
	"slices"
	"sync/atomic"

	"github.com/weirkit/weir/internal/list"
	"github.com/weirkit/weir/internal/waiting"
)

// What a waiter is doing. It changes under the limiter's mu alone; served and
// failed are final, and the waiter may read them without it.
const (
	asleep int32 = iota // in the queue
	called              // in the queue, told to look at its time again
	served              // out of the queue: its tokens are there
	failed              // out of the queue, with an error
)

// waiter is one blocked Wait.
//
// Who moves a waiter out of asleep sends exactly one token, after mu is unlocked; a
// waiter takes one for each time it left asleep. So there is none when the waiter
// goes back to the pool.
type waiter struct {
	waiting.Parker

	links list.Node[waiter]
	n     int64
	seq   uint64 // order of arrival
	place int64  // tokens promised before it came
	lead  int64  // units between the slot of the one before and its own
	bound bound  // how long it waits

	state      atomic.Int32
	c          *cell // served: the cell of end
	end, falls int64 // served: where its slot ended, and the count of falls
	void       bool  // served: nothing can be given back
	err        error // failed: why
}

// Links is for package list.
func (w *waiter) Links() *list.Node[waiter] { return &w.links }

func newWaiter() any { return &waiter{Parker: waiting.NewParker()} }

// reservation returns that of a waiter that was served.
func (w *waiter) reservation() Reservation {
	r := Reservation{c: w.c, end: w.end, n: w.n, place: w.place, falls: w.falls}
	if w.void {
		r.n = 0
	}
	return r
}

// recycle readies a waiter for the pool.
func (w *waiter) recycle() {
	w.Stop()
	w.c, w.err, w.lead = nil, nil, 0
}

// queue holds those who wait, in order of arrival. Each has a slot: the stretch
// of the arrival time that its tokens take. Slots follow one another from start
// to end, so that nobody's place is stored and all behind one who leaves move up
// for free:
//
//	start | lead cost | lead cost | ... | end   ... tat
//
// A Reservation that is not due yet, a promise, cannot move up. It lies in the
// lead of the waiter behind it, or between end and tat, and stops the moving:
// were it passed, it and a newcomer could both be admitted at its time. Waiters
// with a promise in their lead are marked. Hardly any other has a lead: only what a
// cancelled promise could not give back.
type queue struct {
	list.List[waiter, *waiter]
	start, end int64
	arrivals   uint64
	marks      []*waiter // waiters behind a promise, in order
	leader     *waiter   // the head that knows it and keeps the timer
	limited    int       // waiters with a limit
	owed       int64     // tokens that they wait for, all together

	promises
}

// push appends a waiter whose slot begins at start.
func (q *queue) push(w *waiter, start, cost int64) {
	if q.Len() == 0 {
		q.start, q.end = start, start
	} else if q.last > q.Back().seq {
		q.marks = append(q.marks, w)
	}
	w.lead = start - q.end
	q.end = start + cost
	q.arrivals++
	w.seq = q.arrivals
	q.owed += w.n
	if w.bound.limit != never {
		q.limited++
	}
	q.PushBack(w)
}

// pop removes and returns the head, whose tokens are there.
func (q *queue) pop(c *cell) *waiter {
	w := q.PopFront()
	q.start += w.lead + c.cost(w.n)
	w.end = q.start
	if len(q.marks) > 0 && q.marks[0] == w {
		q.marks = slices.Delete(q.marks, 0, 1)
	}
	q.forget(w)
	return w
}

func (q *queue) forget(w *waiter) {
	q.owed -= w.n
	if w.bound.limit != never {
		q.limited--
	}
	if q.leader == w {
		q.leader = nil
	}
}

// mark returns where among the marks w is or belongs.
func (q *queue) mark(w *waiter) (int, bool) {
	return slices.BinarySearchFunc(q.marks, w.seq, func(m *waiter, seq uint64) int {
		switch {
		case m.seq < seq:
			return -1
		case m.seq > seq:
			return 1
		}
		return 0
	})
}

// drop removes a waiter that gives up its slot and returns by how much the
// arrival time goes back.
func (q *queue) drop(w *waiter, c *cell, now int64) (back int64) {
	cost := c.cost(w.n)
	i, marked := q.mark(w)
	if marked {
		q.marks = slices.Delete(q.marks, i, i+1)
	}
	behind := q.Next(w)
	trails := q.trails(c, now) // before w goes: behind an empty queue lies no promise that was before w
	q.Remove(w)
	q.forget(w)
	switch {
	case i < len(q.marks): // all up to the next promise move up
		q.marks[i].lead += cost
	case trails:
		q.end -= cost
	default:
		q.end -= cost
		back = cost
	}
	if behind == nil { // what led w now trails
		q.end -= w.lead
		return back
	}
	behind.lead += w.lead
	if marked && (i == len(q.marks) || q.marks[i] != behind) {
		q.marks = slices.Insert(q.marks, i, behind)
	}
	return back
}

// span returns how much those who wait take, and the promises between them.
func (q *queue) span() int64 {
	if q.Len() == 0 {
		return 0
	}
	return q.end - q.start
}

// due returns when, in units, the head has its tokens.
func (q *queue) due(c *cell) int64 {
	w := q.Front()
	return q.start + w.lead + c.need(w.n) - c.tol
}

// shift moves everything by d.
func (q *queue) shift(d int64, c *cell, now int64) {
	if q.previous.holds(c, now) {
		q.previous.promised += d
	}
	if q.holds(c, now) {
		q.promised += d
	}
	q.start += d
	q.end += d
}

// move carries the queue over from one cell to the next and returns the arrival
// time there. Nobody is granted meanwhile, so it looks at the head and the marked
// alone unless another has a lead.
func (q *queue) move(old, c *cell, tat int64) int64 {
	q.promised, q.previous.promised = old.mapped(q.promised, c), old.mapped(q.previous.promised, c)
	for i := range q.lows {
		q.lows[i].tat = old.past(q.lows[i].tat, c)
	}
	if q.Len() == 0 {
		return old.mapped(tat, c)
	}
	behind, all, leads := old.scaled(tat-q.end, c), q.span()-old.cost(q.owed), int64(0)
	scale := func(w *waiter) {
		all -= w.lead
		w.lead = old.scaled(w.lead, c)
		leads += w.lead
	}
	head := q.Front()
	scale(head)
	for _, w := range q.marks {
		if w != head {
			scale(w)
		}
	}
	for w := q.Next(head); w != nil && all != 0; w = q.Next(w) {
		if _, marked := q.mark(w); !marked {
			scale(w)
		}
	}
	// Before the head there may now be more than a smaller bucket holds.
	q.start = max(old.scaled(q.start-old.from, c)+old.shift, -head.lead)
	q.end = q.start + leads + c.cost(q.owed)
	return q.end + behind
}
