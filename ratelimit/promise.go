package ratelimit

import (
	"math"
	"slices"
	"sync/atomic"
)

// promises is what the queue knows of reservations that are not due yet, and of the
// falls of the arrival time that bound what a reservation can give back.
type promises struct {
	promised int64 // no slot of a promise ends later
	runs     []run // in order; what is due already may be among the first
	void     []gap // what was promised and given back, in order

	// A refund passed a promise that is still to come, so that what is granted now
	// comes before it and yet is not behind it in line. Until that is due, nothing is
	// known of runs but that they are there. Grants read it without mu.
	carried atomic.Bool
	// Tokens promised so far. The same.
	issued atomic.Int64
	// How often the arrival time went back. The same.
	falls atomic.Int64
	lows  []low // where the arrival time went back to, as far as it matters
}

// run is promises with no waiter between them. It lies in the lead of the waiter
// behind it, beside other runs where those between them have left, or behind them all.
type run struct {
	w        *waiter // nil: nobody waits behind it
	from, to int64   // its part of the tokens promised so far
	size     int64   // units: its promises, and what before them cannot be used
	falls    int64   // the count of falls before it
}

// gap is a part of the tokens promised so far.
type gap struct{ from, to int64 }

// low is where the arrival time went back to with one fall.
type low struct{ fall, tat int64 }

// maxLows bounds what is known of the past. Of what is forgotten, the lowest
// stays, so that less is given back, never more. maxGaps and maxRuns do so too: a
// promise of which it is not known that it was given back is one that stands.
const (
	maxLows = 64
	maxGaps = 64
	maxRuns = 64 // beside one for each waiter
)

// fell notes that the arrival time went back to tat. What lies there that is not
// due yet does not count: it will be admitted later.
func (q *queue) fell(tat int64) {
	if q.Len() > 0 {
		tat = min(tat, q.start)
	}
	i := len(q.lows)
	for i > 0 && q.lows[i-1].tat >= tat {
		i-- // from there on it is this that matters
	}
	q.lows = append(q.lows[:i], low{q.falls.Add(1), tat})
	if len(q.lows) > maxLows {
		q.lows[1].tat = q.lows[0].tat
		q.lows = slices.Delete(q.lows, 0, 1)
	}
}

// lower takes back from the falls since a count of them what is given back of a
// grant that was there before them: without it, each would have gone lower.
func (q *queue) lower(since, back int64) {
	i := len(q.lows)
	for ; i > 0 && q.lows[i-1].fall > since; i-- {
		q.lows[i-1].tat -= back
	}
	if i == len(q.lows) {
		return
	}
	j := i
	for j > 0 && q.lows[j-1].tat >= q.lows[i].tat {
		j-- // it matters no more
	}
	q.lows = slices.Delete(q.lows, j, i)
}

// lowest returns the least arrival time after the falls since a count of them.
func (q *queue) lowest(since int64) int64 {
	for _, l := range q.lows {
		if l.fall > since {
			return l.tat
		}
	}
	return never
}

// holds reports whether a promise is still to come, and forgets the runs if not.
func (q *queue) holds(c *cell, now int64) bool {
	if q.promised-c.tol > now {
		return true
	}
	q.runs = q.runs[:0]
	return false
}

// trails reports whether promises that are still to come lie behind all who wait.
func (q *queue) trails(c *cell, now int64) bool {
	return q.holds(c, now) && len(q.runs) > 0 && q.runs[len(q.runs)-1].w == nil
}

// promise notes a Reservation of n tokens that is not due yet, whose slot begins at
// start, and returns its place among them, its own tokens included.
func (q *queue) promise(c *cell, now, start, n int64) (place int64) {
	issued := q.issued.Load()
	trails := q.trails(c, now)
	if last := len(q.runs) - 1; !trails || q.runs[last].to != issued {
		q.runs = append(q.runs, run{from: issued, falls: q.falls.Load()})
	}
	r := &q.runs[len(q.runs)-1]
	if !trails && q.Len() > 0 {
		r.size = start - q.end
	}
	r.to = issued + n
	r.size += c.cost(n)
	q.promised = max(q.promised, start+c.cost(n))
	return q.issued.Add(n)
}

// later returns how many of the tokens promised after a place still stand.
func (q *queue) later(place int64) int64 { return q.standing(place, q.issued.Load()) }

// standing returns how many of a part of the promised tokens still stand.
func (q *queue) standing(from, to int64) int64 {
	n := to - from
	for _, g := range q.void {
		n -= max(min(g.to, to)-max(g.from, from), 0)
	}
	return n
}

// bury notes that a promise of n tokens does not stand any more.
func (q *queue) bury(place, n int64) {
	g := gap{place - n, place}
	i := len(q.void)
	for i > 0 && q.void[i-1].from > g.from {
		i--
	}
	if i < len(q.void) && q.void[i].from == g.to {
		g.to = q.void[i].to
		q.void = slices.Delete(q.void, i, i+1)
	}
	if i > 0 && q.void[i-1].to == g.from {
		q.void[i-1].to = g.to
		return
	}
	q.void = slices.Insert(q.void, i, g)
	if len(q.void) > maxGaps {
		q.void = slices.Delete(q.void, 0, 1)
	}
}

// runOf returns the number of the run that has the promise at a place, -1 if none.
func (q *queue) runOf(place int64) int {
	return slices.IndexFunc(q.runs, func(r run) bool { return r.from < place && place <= r.to })
}

// inLine reports whether the promise at a place is in line still, and it is known how
// it lies there.
func (q *queue) inLine(place int64, c *cell, now int64) bool {
	return q.holds(c, now) && !q.carried.Load() && q.runOf(place) >= 0
}

// settle brings up to date where the last promise ends.
func (q *queue) settle(tat int64) {
	switch last := len(q.runs) - 1; {
	case last < 0:
		q.promised = math.MinInt64 / 2
	case q.runs[last].w == nil:
		q.promised = tat
	default:
		q.promised = q.end
	}
}

// vacate closes the line where the promise of n tokens at a place leaves it: all behind
// it move up, as far as no promise stands behind it. It returns by how much the arrival
// time goes back, since which count of falls that would have been so, and whether
// anybody or anything moved.
func (q *queue) vacate(place, n int64, c *cell, now int64) (back, since int64, moved bool) {
	q.bury(place, n)
	k := q.runOf(place)
	r := &q.runs[k]
	w, size, since := r.w, r.size, r.falls
	if q.standing(r.from, r.to) == 0 {
		q.runs = slices.Delete(q.runs, k, k+1)
	} else {
		end := r.to
		for _, g := range q.void {
			if g.from < r.to && r.to <= g.to {
				end = g.from
			}
		}
		size = c.cost(r.to - end)
		r.size -= size
		r.to = end
		k++
	}
	back, moved = q.closeUp(k, w, size, now)
	return back, since, moved
}

// closeUp moves up w, or what lies behind all who wait, and everything behind it up to
// the run with number k.
func (q *queue) closeUp(k int, w *waiter, size, now int64) (back int64, moved bool) {
	if k < len(q.runs) && q.runs[k].w == w {
		q.runs[k].size += size
		return 0, false
	}
	if w != nil && w == q.Front() { // what lies in the past is gone
		size = min(size, q.start+w.lead-now)
	}
	if size <= 0 {
		return 0, false
	}
	if w != nil {
		w.lead -= size
	}
	switch {
	case k < len(q.runs):
		q.widen(k, size)
	case w != nil:
		q.end -= size
		back = size
	default:
		back = size
	}
	return back, true
}

// widen adds to a run what those before it leave.
func (q *queue) widen(k int, size int64) {
	r := &q.runs[k]
	r.size += size
	if r.w != nil {
		r.w.lead += size
	} else {
		q.end -= size
	}
}

// advance moves all slots behind the last promise to the front by d.
func (q *queue) advance(d int64, c *cell, now int64) {
	switch {
	case q.Len() == 0 || q.trails(c, now):
	case len(q.runs) > 0:
		q.runs[len(q.runs)-1].w.lead -= d
		q.end -= d
	default:
		q.start -= d
		q.end -= d
	}
}

// release ends what a refund that passed a promise forbids, where that is due by now.
func (q *queue) release(c *cell, now int64) {
	if q.carried.Load() && !q.holds(c, now) {
		q.carried.Store(false)
	}
}

// issue is what a reservation must know of the moment just before its grant. What
// comes between the two counts as later, which gives back less.
type issue struct {
	falls, place int64
	void         bool
}

func (q *queue) issue() issue {
	return issue{q.falls.Load(), q.issued.Load(), q.carried.Load()}
}
