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
		m.release(n)
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
		out := p.out()
		require.Equal(p.t, out, s.ReleaseAll())
		clear(p.lent)
		m.release(out)
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
	p.m.release(n)
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
	require.Equal(p.t, m.shown(), st.Held, did)
	require.Equal(p.t, max(m.limit-m.shown(), 0), st.Available, did)
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
	p.s.Release(p.m.held) // nothing was lost: all of it comes back
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
	runs := 250
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
