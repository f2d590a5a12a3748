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
// were it passed, it and a newcomer could both be admitted at its time. Hardly
// anybody else has a lead: only what a cancelled promise could not give back.
type queue struct {
	list.List[waiter, *waiter]
	start, end int64
	arrivals   uint64
	leader     *waiter // the head that knows it and keeps the timer
	limited    int     // waiters with a limit
	owed       int64   // tokens that they wait for, all together

	promises
}

// push appends a waiter that comes now and whose slot begins at start.
func (q *queue) push(w *waiter, c *cell, now, start int64) {
	if !q.trails(c, now) && q.Len() == 0 {
		q.start, q.end = start, start
	} else if q.Len() == 0 {
		begin := q.begin(start)
		if begin < now { // without those promises it would begin now
			q.runs[0].size -= now - begin
			begin = now
		}
		q.start, q.end = begin, begin
	}
	for i := len(q.runs) - 1; i >= 0 && q.runs[i].w == nil; i-- {
		q.runs[i].w = w
	}
	w.lead = start - q.end
	q.end = start + c.cost(w.n)
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
	for len(q.runs) > 0 && q.runs[0].w == w {
		q.runs = slices.Delete(q.runs, 0, 1)
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

// group returns which runs lie right before w.
func (q *queue) group(w *waiter) (i, j int) {
	i, _ = slices.BinarySearchFunc(q.runs, w.seq, func(r run, seq uint64) int {
		if r.w == nil || r.w.seq >= seq {
			return 1
		}
		return -1
	})
	for j = i; j < len(q.runs) && q.runs[j].w == w; {
		j++
	}
	return i, j
}

// drop removes a waiter that gives up its slot and returns by how much the
// arrival time goes back: all up to the next promise move up.
func (q *queue) drop(w *waiter, c *cell, now int64) (back int64) {
	cost := c.cost(w.n)
	q.holds(c, now) // forgets what is due
	i, j := q.group(w)
	behind := q.Next(w)
	q.Remove(w)
	q.forget(w)
	for k := i; k < j; k++ {
		q.runs[k].w = behind
	}
	if behind != nil {
		behind.lead += w.lead
	}
	if j < len(q.runs) {
		q.widen(j, cost)
	} else {
		q.end -= cost
		back = cost
	}
	if behind == nil { // what led w now trails
		q.end -= w.lead
	}
	if len(q.runs) > maxRuns+q.Len() {
		q.unite()
	}
	return back
}

// unite makes one of two runs between which nobody waits: the first that there are.
func (q *queue) unite() {
	for k := range len(q.runs) - 1 {
		if a, b := q.runs[k], &q.runs[k+1]; a.w == b.w {
			b.from, b.falls = a.from, a.falls
			b.size += a.size
			q.runs = slices.Delete(q.runs, k, k+1)
			return
		}
	}
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
	if q.holds(c, now) {
		q.promised += d
	}
	q.start += d
	q.end += d
}

// move carries the queue over from one cell to the next and returns the arrival
// time there. Nobody is granted meanwhile, so it looks at the head and those behind a
// promise alone unless another has a lead.
func (q *queue) move(old, c *cell, tat int64) int64 {
	q.promised = old.mapped(q.promised, c)
	for i := range q.lows {
		q.lows[i].tat = old.past(q.lows[i].tat, c)
	}
	if old.inc == 0 || c.inc == 0 {
		q.runs = q.runs[:0]
	}
	for i := range q.runs {
		q.runs[i].size = old.scaled(q.runs[i].size, c)
	}
	if q.Len() == 0 {
		return q.moveRuns(old, c, tat)
	}
	behind, all, leads := old.scaled(tat-q.end, c), q.span()-old.cost(q.owed), int64(0)
	scale := func(w *waiter) {
		all -= w.lead
		w.lead = old.scaled(w.lead, c)
		leads += w.lead
	}
	done := q.Front()
	scale(done)
	for _, r := range q.runs {
		if r.w != nil && r.w != done {
			done = r.w
			scale(done)
		}
	}
	for w := q.Next(q.Front()); w != nil && all != 0; w = q.Next(w) {
		if i, j := q.group(w); i == j {
			scale(w)
		}
	}
	// Before the head there may now be more than a smaller bucket holds.
	q.start = max(old.scaled(q.start-old.from, c)+old.shift, -q.Front().lead)
	q.end = q.start + leads + c.cost(q.owed)
	return q.end + behind
}

// begin returns where the promises begin behind which nobody waits, and which end where
// the arrival time is.
func (q *queue) begin(end int64) int64 {
	for i := len(q.runs) - 1; i >= 0 && q.runs[i].w == nil; i-- {
		end -= q.runs[i].size
	}
	return end
}

// moveRuns is move where nobody waits.
func (q *queue) moveRuns(old, c *cell, tat int64) int64 {
	tat = old.mapped(tat, c)
	if len(q.runs) > 0 { // perhaps they began in the past
		q.runs[0].size = min(q.runs[0].size, q.runs[0].size+q.begin(tat)-max(old.shift, 0))
	}
	return tat
}
