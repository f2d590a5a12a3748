package semaphore

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/list"
	"github.com/weirkit/weir/internal/waiting"
)

// What a waiter is doing. It changes under the semaphore's mu alone; granted
// and failed are final, and the waiter may read them without it.
const (
	queued  int32 = iota // in the queue, asleep
	woken                // in the queue, told to come and compete
	granted              // out of the queue, with its permits
	failed               // out of the queue, with an error
)

// waiter is one blocked acquisition.
//
// Who moves a waiter out of queued sends exactly one token, after mu is unlocked;
// a waiter takes one for each time it left queued. So there is none when the
// waiter goes back to the pool.
type waiter struct {
	waiting.Parker

	links list.Node[waiter]
	n     int64 // wantAll for AcquireAll
	prio  int
	since int64 // ns of the semaphore's clock

	state atomic.Int32
	got   int64 // permits granted
	err   error // why it failed
}

// Links is for package list.
func (w *waiter) Links() *list.Node[waiter] { return &w.links }

func newWaiter() any { return &waiter{Parker: waiting.NewParker()} }

// recycle readies a waiter for the pool.
func (w *waiter) recycle() {
	w.Stop()
	w.err = nil
}

// lane holds the waiters of one priority, the next to serve in front.
type lane struct {
	prio    int
	waiters list.List[waiter, *waiter]

	percent int64 // its Share, or 0
	owed    int64 // hundredths of a permit that it should have had by now
}

// queue holds the waiters, grouped by priority. All but one lane exist only
// while somebody waits in them, so the ordinary queue is one list.
type queue struct {
	aging  time.Duration
	lifo   bool
	shares []share

	n     int
	lanes []*lane // highest priority first, none of them empty
	spare []*lane // lanes that were emptied, so that the steady state allocates nothing
}

// search returns where the lane of prio is or belongs.
func (q *queue) search(prio int) (int, bool) {
	return slices.BinarySearchFunc(q.lanes, prio, func(l *lane, prio int) int { return prio - l.prio })
}

// lane returns an empty lane.
func (q *queue) lane(prio int) *lane {
	var l *lane
	if last := len(q.spare) - 1; last >= 0 {
		l, q.spare = q.spare[last], q.spare[:last]
	} else {
		l = &lane{}
	}
	l.prio, l.percent, l.owed = prio, 0, 0
	for _, s := range q.shares {
		if s.priority == prio {
			l.percent = s.percent
		}
	}
	return l
}

func (q *queue) push(w *waiter) {
	i, ok := q.search(w.prio)
	if !ok {
		q.lanes = slices.Insert(q.lanes, i, q.lane(w.prio))
	}
	if l := q.lanes[i]; q.lifo {
		l.waiters.PushFront(w)
	} else {
		l.waiters.PushBack(w)
	}
	q.n++
}

func (q *queue) remove(w *waiter) {
	i, _ := q.search(w.prio)
	l := q.lanes[i]
	l.waiters.Remove(w)
	if l.waiters.Len() == 0 {
		q.lanes = slices.Delete(q.lanes, i, i+1)
		q.spare = append(q.spare, l)
	}
	q.n--
}

// first returns the waiter to serve next, or nil.
func (q *queue) first() *waiter {
	if len(q.lanes) == 0 {
		return nil
	}
	if l := q.creditor(); l != nil {
		return l.waiters.Front()
	}
	best := q.lanes[0].waiters.Front()
	if q.aging > 0 {
		for _, l := range q.lanes[1:] {
			if w := l.waiters.Front(); q.before(w.prio, w.since, best) {
				best = w
			}
		}
	}
	return best
}

// creditor returns the lane that is behind its share most, or nil.
func (q *queue) creditor() (most *lane) {
	if len(q.shares) == 0 {
		return nil
	}
	for _, l := range q.lanes {
		if l.owed > 0 && (most == nil || l.owed > most.owed) {
			most = l
		}
	}
	return most
}

// served enters n permits, which went to somebody of prio, into the accounts of
// the shares. A lane that had more than its share, because it went first by
// right, owes no more than this one request for it.
func (q *queue) served(prio int, n int64) {
	if len(q.shares) == 0 {
		return
	}
	for _, l := range q.lanes {
		l.owed += n * l.percent
		if l.prio == prio {
			l.owed = max(l.owed-100*n, -100*n)
		}
	}
}

// ahead reports whether a newcomer goes before the head of the queue, if any.
func (q *queue) ahead(prio int, since int64, head *waiter) bool {
	if head == nil {
		return true
	}
	if l := q.creditor(); l != nil {
		return l.prio == prio && q.lifo
	}
	return q.before(prio, since, head)
}

// before reports whether one who came at since with prio goes before w. Among
// equals the one who came earlier does, or later with lifo.
//
// Aging adds waited/aging to the priority. Since that grows for all alike, who
// goes first of two never changes while they wait: prio - since/aging decides.
func (q *queue) before(prio int, since int64, w *waiter) bool {
	if q.aging > 0 {
		ahead, later := int64(prio-w.prio)*int64(min(q.aging, maxAging)), since-w.since
		return ahead > later || ahead == later && later < 0
	}
	return prio > w.prio || prio == w.prio && q.lifo
}

// maxAging keeps the product with a difference of priorities inside an int64.
// It is 53 days, or the semaphore's lifetime for any practical purpose.
const maxAging = time.Duration(math.MaxInt64 / (2 * MaxPriority))

// mixed reports whether somebody waits with a priority of its own, so that who
// comes without one must not overtake.
func (q *queue) mixed() bool {
	return len(q.shares) > 0 || len(q.lanes) > 1 || len(q.lanes) == 1 && q.lanes[0].prio != 0
}

// oldest returns who waits longest in the lowest priority, under lifo, or nil.
func (q *queue) oldest() *waiter {
	if len(q.lanes) == 0 {
		return nil
	}
	return q.lanes[len(q.lanes)-1].waiters.Back()
}

// each calls f for every waiter, next to serve first within its priority; f
// may remove it.
func (q *queue) each(f func(*waiter)) {
	for _, l := range slices.Clone(q.lanes) {
		for w := l.waiters.Front(); w != nil; {
			next := l.waiters.Next(w)
			f(w)
			w = next
		}
	}
}
