package semaphore_test

import (
	"context"
	"slices"
	"time"

	"github.com/weirkit/weir/semaphore"
)

// all is the n of a request for every permit.
const all = -1

// modelWaiter is one blocked caller.
type modelWaiter struct {
	id    int
	n     int64
	prio  int
	since time.Duration
	ends  time.Duration // when its deadline or MaxWait ends it
	err   error         // with this
}

// model says what a semaphore does, as simply as can be said: a slice in the
// order of service, gone through after every step.
type model struct {
	limit, held int64
	fifo, lifo  bool
	maxWaiters  int // -1: any
	maxWait     time.Duration
	aging       time.Duration
	shares      map[int]int64 // percent of a priority
	owed        map[int]int64 // hundredths of a permit, of those who wait

	now     time.Duration
	queue   []*modelWaiter
	over    int  // newcomers that overtook since the head was last served
	all     bool // an AcquireAll has everything
	closed  bool
	results map[int]error // of the callers that need not wait any longer
	took    map[int]int64 // what those got

	rejected, cancelled int64
}

const noOvertaking = 1000

func (m *model) need(n int64) int64 {
	if n == all {
		return m.limit
	}
	return n
}

func (m *model) fits(n int64) bool { return !m.all && m.need(n) <= m.limit-m.held }

// release gives n permits back; with the first one an AcquireAll ends its rule.
func (m *model) release(n int64) {
	m.held -= n
	m.all = m.all && n == 0
	m.serve()
}

// shown is what Held tells: all that SetLimit added is the AcquireAll's, too.
func (m *model) shown() int64 {
	if m.all {
		return max(m.held, m.limit)
	}
	return m.held
}

// before reports whether a, who came later, goes before b.
func (m *model) before(a, b *modelWaiter) bool {
	switch {
	case m.aging > 0:
		return time.Duration(a.prio-b.prio)*m.aging > a.since-b.since
	case a.prio != b.prio:
		return a.prio > b.prio
	}
	return m.lifo
}

func (m *model) mixed() bool {
	return len(m.shares) > 0 || slices.ContainsFunc(m.queue, func(w *modelWaiter) bool { return w.prio != 0 })
}

// next returns the place of the one to serve next.
func (m *model) next() int {
	at, most := 0, int64(0)
	for i, w := range m.queue {
		if m.owed[w.prio] > most {
			at, most = i, m.owed[w.prio]
		}
	}
	return at
}

// account enters permits that went to prio, and forgets who does not wait.
func (m *model) account(prio int, n int64) {
	for p, percent := range m.shares {
		m.owed[p] += n * percent
		if p == prio {
			m.owed[p] = max(m.owed[p]-100*n, -100*n)
		}
	}
	m.forget()
}

func (m *model) forget() {
	for p := range m.owed {
		if !slices.ContainsFunc(m.queue, func(w *modelWaiter) bool { return w.prio == p }) {
			delete(m.owed, p)
		}
	}
}

func (m *model) take(id int, n int64) {
	m.took[id] = m.need(n)
	m.held += m.took[id]
	m.all = n == all
	m.results[id] = nil
}

// tryAcquire is what a newcomer does first.
func (m *model) tryAcquire(id int, n int64) bool {
	if m.closed || !m.fits(n) || len(m.queue) > 0 && m.over >= 16 {
		return false
	}
	if len(m.queue) > 0 {
		m.over++
	}
	m.take(id, n)
	return true
}

func (m *model) refuse(id int, err error) {
	m.results[id] = err
	m.rejected++
}

// acquire is a call with a priority of its own, or one that tryAcquire refused.
func (m *model) acquire(w *modelWaiter) {
	switch {
	case m.closed:
		m.refuse(w.id, semaphore.ErrClosed)
		return
	case w.n > m.limit:
		m.refuse(w.id, semaphore.ErrTooLarge)
		return
	case m.fits(w.n) && (len(m.queue) == 0 || m.owed[m.queue[m.next()].prio] <= 0 && m.before(w, m.queue[0])):
		m.take(w.id, w.n)
		m.account(w.prio, m.took[w.id])
		m.serve() // somebody whose share is due now may fit
		return
	case m.maxWaiters >= 0 && len(m.queue) >= m.maxWaiters:
		if !m.lifo || len(m.queue) == 0 || m.queue[len(m.queue)-1].prio > w.prio {
			m.refuse(w.id, semaphore.ErrQueueFull)
			return
		}
		m.refuse(m.queue[len(m.queue)-1].id, semaphore.ErrQueueFull)
		m.queue = m.queue[:len(m.queue)-1]
		m.forget()
	}
	if m.maxWait > 0 && m.now+m.maxWait < w.ends {
		w.ends, w.err = m.now+m.maxWait, semaphore.ErrWaitTimeout
	}
	at := len(m.queue)
	for at > 0 && m.before(w, m.queue[at-1]) {
		at--
	}
	if len(m.queue) == 0 {
		m.over = 0
	}
	m.queue = slices.Insert(m.queue, at, w)
	if m.fifo || w.prio != 0 || len(m.shares) > 0 {
		m.over = noOvertaking
	}
	m.serve() // with a Share the one displaced may have been in the way of another
}

// serve gives the queue what is free.
func (m *model) serve() {
	for len(m.queue) > 0 && m.fits(m.queue[m.next()].n) {
		m.over = 0
		if m.fifo || m.mixed() {
			m.over = noOvertaking
		}
		at := m.next()
		w := m.queue[at]
		m.queue = slices.Delete(m.queue, at, at+1)
		m.take(w.id, w.n)
		m.account(w.prio, m.took[w.id])
	}
}

// leave ends the wait of the i-th in the queue.
func (m *model) leave(i int, err error) {
	w := m.queue[i]
	m.queue = slices.Delete(m.queue, i, i+1)
	m.forget()
	if err == context.Canceled || err == context.DeadlineExceeded { //nolint:errorlint // the model's own
		m.results[w.id] = err
		m.cancelled++
	} else {
		m.refuse(w.id, err)
	}
	m.serve()
}

// sleep passes time: whose time is up leaves, one after the other.
func (m *model) sleep(d time.Duration) {
	end := m.now + d
	for {
		first := -1
		for i, w := range m.queue {
			if w.ends <= end && (first < 0 || w.ends < m.queue[first].ends) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		m.now = m.queue[first].ends
		m.leave(first, m.queue[first].err)
	}
	m.now = end
}

func (m *model) setLimit(limit int64) {
	m.limit = limit
	for _, w := range slices.Clone(m.queue) {
		if w.n > limit {
			m.leave(slices.Index(m.queue, w), semaphore.ErrTooLarge)
		}
	}
	m.serve()
}
