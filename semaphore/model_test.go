package semaphore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

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
	over    int // newcomers that overtook since the head was last served
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

func (m *model) fits(n int64) bool { return m.need(n) <= m.limit-m.held }

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

// pair runs a semaphore beside the model.
type pair struct {
	t *testing.T
	m *model
	s *semaphore.Semaphore

	mu      sync.Mutex
	results map[int]error
	took    map[int]int64
	cancels map[int]context.CancelFunc
	permits map[int]*semaphore.Permit
	lent    map[int]int64 // the model's side of permits
	callers int
	wg      sync.WaitGroup
}

// variant is the options of one run.
type variant struct {
	limit               int64
	fifo, lifo          bool
	maxWaiters          int
	maxWait, aging      time.Duration
	lowest, largestPrio int
	shares              map[int]int64
}

func newPair(t *testing.T, v variant) *pair {
	var opts []semaphore.Option
	if v.fifo {
		opts = append(opts, semaphore.FIFO())
	}
	if v.lifo {
		opts = append(opts, semaphore.LIFO())
	}
	if v.maxWaiters >= 0 {
		opts = append(opts, semaphore.MaxWaiters(v.maxWaiters))
	}
	if v.maxWait > 0 {
		opts = append(opts, semaphore.MaxWait(v.maxWait))
	}
	if v.aging > 0 {
		opts = append(opts, semaphore.Aging(v.aging))
	}
	for prio, percent := range v.shares {
		opts = append(opts, semaphore.Share(prio, int(percent)))
	}
	return &pair{
		t: t, s: semaphore.New(v.limit, opts...),
		m: &model{
			limit: v.limit, fifo: v.fifo, lifo: v.lifo, maxWaiters: v.maxWaiters, maxWait: v.maxWait, aging: v.aging,
			shares: v.shares, owed: map[int]int64{},
			results: map[int]error{}, took: map[int]int64{},
		},
		results: map[int]error{}, took: map[int]int64{}, cancels: map[int]context.CancelFunc{},
		permits: map[int]*semaphore.Permit{}, lent: map[int]int64{},
	}
}

// call starts one caller. kind: 0 Acquire, 1 AcquirePriority, 2 AcquireAll, 3 Permit.
func (p *pair) call(kind int, n int64, prio int, deadline time.Duration) {
	id := p.callers
	p.callers++
	deadline += time.Millisecond + time.Duration(id)*time.Microsecond // no two at the same instant
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	p.cancels[id] = cancel
	p.wg.Go(func() {
		var err error
		var permit *semaphore.Permit
		took := n
		switch kind {
		case 0:
			err = p.s.Acquire(ctx, n)
		case 1:
			err = p.s.AcquirePriority(ctx, n, prio)
		case 2:
			took, err = p.s.AcquireAll(ctx)
		case 3:
			permit, err = p.s.Permit(ctx, n)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.results[id] = err
		if err == nil {
			p.took[id] = took
		}
		if permit != nil {
			p.permits[id] = permit
		}
	})

	w := &modelWaiter{id: id, n: n, since: p.m.now, ends: p.m.now + deadline, err: context.DeadlineExceeded}
	switch kind {
	case 1:
		w.prio = prio
	case 2:
		w.n = all
	}
	if w.n == 0 {
		p.m.results[id] = nil
		p.m.took[id] = 0
		if p.m.closed {
			delete(p.m.took, id)
			p.m.refuse(id, semaphore.ErrClosed)
		}
		return
	}
	if (kind == 0 || kind == 3) && p.m.tryAcquire(id, w.n) {
		return
	}
	p.m.acquire(w)
}

// step does one operation on both sides.
func (p *pair) step(v variant, op, a, b byte) string {
	m, s := p.m, p.s
	n := int64(a) % (m.limit + 2)
	switch op % 16 {
	case 0, 1, 2, 3:
		p.call(0, n, 0, time.Duration(b)*time.Millisecond+time.Hour*time.Duration(b&1))
		return fmt.Sprintf("Acquire(%d)", n)
	case 4, 5:
		prio := v.lowest + int(b)%(v.largestPrio-v.lowest+1)
		p.call(1, n, prio, time.Hour)
		return fmt.Sprintf("AcquirePriority(%d, %d)", n, prio)
	case 6:
		if a%2 == 0 {
			return p.tryAll()
		}
		p.call(2, 0, 0, time.Hour)
		return "AcquireAll"
	case 7:
		p.call(3, n, 0, time.Hour)
		return fmt.Sprintf("Permit(%d)", n)
	case 8, 9, 10:
		n = min(n, m.held-p.out())
		s.Release(n)
		m.held -= n
		m.serve()
		return fmt.Sprintf("Release(%d)", n)
	case 11:
		return p.cancel(int(a))
	case 12:
		limit := 1 + int64(a)%8
		s.SetLimit(limit)
		m.setLimit(limit)
		return fmt.Sprintf("SetLimit(%d)", limit)
	case 13:
		return p.try(n)
	case 14:
		if a < 200 {
			return p.releasePermit(int(a))
		}
		require.Equal(p.t, p.out(), s.ReleaseAll())
		m.held -= p.out()
		clear(p.lent)
		m.serve()
		return "ReleaseAll"
	default:
		if a == 255 {
			s.Close()
			m.closed = true
			for _, w := range m.queue {
				m.refuse(w.id, semaphore.ErrClosed)
			}
			m.queue = nil
			m.forget()
			return "Close"
		}
		d := time.Duration(a) * 10 * time.Millisecond
		time.Sleep(d)
		m.sleep(d)
		return fmt.Sprintf("sleep %v", d)
	}
}

// out is what Permits hold.
func (p *pair) out() (n int64) {
	for _, k := range p.lent {
		n += k
	}
	return n
}

func (p *pair) try(n int64) string {
	id := p.callers
	p.callers++
	want := n == 0 && !p.m.closed || n > 0 && p.m.tryAcquire(id, n)
	require.Equal(p.t, want, p.s.TryAcquire(n), "TryAcquire(%d)", n)
	delete(p.m.results, id)
	delete(p.m.took, id)
	return fmt.Sprintf("TryAcquire(%d)", n)
}

func (p *pair) tryAll() string {
	id := p.callers
	p.callers++
	want := p.m.tryAcquire(id, all)
	n, ok := p.s.TryAcquireAll()
	require.Equal(p.t, want, ok, "TryAcquireAll")
	require.Equal(p.t, p.m.took[id], n)
	delete(p.m.results, id)
	delete(p.m.took, id)
	return "TryAcquireAll"
}

func (p *pair) cancel(a int) string {
	if len(p.m.queue) == 0 {
		return "nobody to cancel"
	}
	i := a % len(p.m.queue)
	p.cancels[p.m.queue[i].id]()
	p.m.leave(i, context.Canceled)
	return fmt.Sprintf("cancel the %d. in the queue", i)
}

func (p *pair) releasePermit(a int) string {
	ids := make([]int, 0, len(p.permits))
	for id := range p.permits {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return "no permit"
	}
	slices.Sort(ids)
	id := ids[a%len(ids)]
	n, ok := p.lent[id]
	require.Equal(p.t, ok, p.permits[id].Held())
	p.permits[id].Release() // some for the second time
	delete(p.lent, id)
	p.m.held -= n
	p.m.serve()
	return fmt.Sprintf("Release of permit %d", id)
}

// check compares the two once everybody has settled.
func (p *pair) check(did string) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, permit := range p.permits {
		if _, known := p.lent[id]; !known && permit.Held() {
			p.lent[id] = permit.N()
		}
	}
	m := p.m
	st := p.s.Stats()
	require.Equal(p.t, m.limit, st.Limit, did)
	require.Equal(p.t, m.held, st.Held, did)
	require.Equal(p.t, max(m.limit-m.held, 0), st.Available, did)
	require.Equal(p.t, len(m.queue), st.Waiting, did)
	require.Equal(p.t, m.rejected, st.Rejected, did)
	require.Equal(p.t, m.cancelled, st.Cancelled, did)
	require.Equal(p.t, m.results, p.results, did)
	require.Equal(p.t, m.took, p.took, did)
}

func (p *pair) close() {
	p.s.Close()
	p.wg.Wait()
	for _, cancel := range p.cancels {
		cancel()
	}
	p.s.Release(p.s.Held()) // nothing was lost: all of it comes back
	require.Equal(p.t, p.s.Limit(), p.s.Available())
}

// newVariant makes options out of two bytes.
func newVariant(a, b byte) variant {
	v := variant{limit: 1 + int64(a%8), maxWaiters: -1}
	switch a / 8 % 4 {
	case 1:
		v.fifo = true
	case 2:
		v.lifo = true
	case 3:
		v.aging = 7 * time.Millisecond
	}
	if b&1 != 0 {
		v.maxWaiters = int(b / 16)
	}
	if b&2 != 0 {
		v.maxWait = 777*time.Millisecond + 500*time.Nanosecond
	}
	if b&4 != 0 {
		v.lowest, v.largestPrio = -1, 3
		if b&8 != 0 {
			v.shares = map[int]int64{-1: 10, 1: int64(20 + b/4)}
		}
	}
	return v
}

// runModel interprets data as options and operations.
func runModel(t *testing.T, data []byte) {
	if len(data) < 2 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		v := newVariant(data[0], data[1])
		p := newPair(t, v)
		for i, ops := 0, data[2:]; len(ops) >= 3 && i < 200; i, ops = i+1, ops[3:] {
			time.Sleep(time.Millisecond) // no two arrive at the same instant
			p.m.sleep(time.Millisecond)
			p.check("before the step")
			did := p.step(v, ops[0], ops[1], ops[2])
			p.check(fmt.Sprintf("step %d: %s, %+v", i, did, v))
		}
		p.close()
	})
}

func TestRandomOperationsAgainstTheModel(t *testing.T) {
	runs := 400
	if testing.Short() || raceEnabled {
		runs = 80
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(uint64(seed), 4)) // #nosec G404 -- reproducible
		data := make([]byte, 2+3*(20+rng.IntN(80)))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runModel(t, data) }) {
			return
		}
	}
}

// FuzzSem looks for operations after which semaphore and model differ.
func FuzzSem(f *testing.F) {
	f.Add([]byte{0x0a, 0x01, 0, 2, 0, 0, 2, 0, 8, 1, 0})
	f.Add([]byte{0x13, 0x27, 0, 3, 0, 4, 2, 3, 4, 5, 1, 8, 1, 0, 12, 1, 0, 11, 0, 0})
	f.Add([]byte{0x1c, 0x06, 7, 2, 0, 6, 1, 0, 14, 0, 0, 15, 100, 0, 14, 220, 0, 15, 255, 0})
	f.Fuzz(runModel)
}
