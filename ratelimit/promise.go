package ratelimit

import (
	"slices"
	"sync/atomic"
)

// promises is what the queue knows of reservations that are not due yet, and of the
// falls of the arrival time that bound what a reservation can give back.
type promises struct {
	before
	previous before // what it was before the last promise
	// A refund passed a promise that is still to come, so that what is granted now
	// comes before it and yet is not behind it in line. Grants read it without mu.
	carried atomic.Bool
	// Tokens promised so far, less those of promises taken back. The same.
	issued atomic.Int64
	// How often the arrival time went back or a promise was taken back. The same.
	falls     atomic.Int64
	retracted int64 // the count of falls when a promise was last taken back
	lows      []low // where the arrival time went back to, as far as it matters
}

// before is what has been promised so far.
type before struct {
	promised int64  // where the slot of the furthest promise ends
	last     uint64 // order of arrival of the last one
}

// low is where the arrival time went back to with one fall.
type low struct{ fall, tat int64 }

// maxLows bounds what is known of the past. Of what is forgotten, the lowest
// stays, so that less is given back, never more.
const maxLows = 64

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

// promise notes a Reservation of n tokens that is not due yet and returns its
// place among them and its order of arrival.
func (q *queue) promise(end, n int64) (place int64, seq uint64) {
	q.arrivals++
	q.previous = q.before
	q.before = before{max(q.promised, end), q.arrivals}
	return q.issued.Add(n), q.arrivals
}

// retract takes back the last promise, which nobody came after, as if it had never
// been.
func (q *queue) retract(n int64) {
	q.issued.Add(-n) // before the count: see issue
	q.retracted = q.falls.Add(1)
	q.before = q.previous
}

// holds reports whether a promise is still to come.
func (q *queue) holds(c *cell, now int64) bool { return q.before.holds(c, now) }

func (b before) holds(c *cell, now int64) bool { return b.promised-c.tol > now }

// trails reports whether such a promise lies behind them all.
func (q *queue) trails(c *cell, now int64) bool {
	tail := q.Back()
	return q.holds(c, now) && (tail == nil || q.last > tail.seq)
}

// advance moves all slots behind the last promise to the front by d.
func (q *queue) advance(d int64, c *cell, now int64) {
	switch {
	case q.Len() == 0 || q.trails(c, now):
	case len(q.marks) > 0 && q.holds(c, now):
		q.marks[len(q.marks)-1].lead -= d
		q.end -= d
	default:
		q.start -= d
		q.end -= d
	}
}

// issue is what a reservation must know of the moment just before its grant.
type issue struct {
	falls, place int64
	void         bool
}

// issue reads the count of falls first: if the place is from before a retraction,
// so is the count, which tells.
func (q *queue) issue() issue {
	falls := q.falls.Load()
	return issue{falls, q.issued.Load(), q.carried.Load()}
}
