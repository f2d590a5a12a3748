package stream

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
)

// crew is the workers of a [Parallel].
//
// At most one wake-up is under way at a time. Whoever fills or claims an item
// and sees another unclaimed one calls a worker, unless one is being woken; the
// woken worker first says that it is awake, then claims and calls the next. So
// as many wake as there is work for, and not one for each item.
//
// No item is overlooked: the filler publishes the item, then looks whether a
// wake-up is under way; the woken says it is not any more, then looks for items.
// One of the two sees the other. The same holds for a worker that goes idle and
// for a caller that finds nobody.
//
// Who calls an idle worker takes it out of idle before it sends the signal, so
// in the channel are as many receivers as idle says plus signals sent.
type crew struct {
	waking  atomic.Bool
	idle    atomic.Int64
	running atomic.Int64 // changes under mu
	target  atomic.Int64 // how many should run; changes under mu
	signal  chan struct{}

	mu        sync.Mutex // never held while anything blocks
	dismissed bool       // no more are started
	failed    error      // unordered: of the lowest index so far
	failedAt  int64
	all       sync.WaitGroup // the workers and the feeder
}

// SetWorkers changes how many items are worked on at once. Who is working goes
// on to the end of its item. It panics if n is not positive.
func (p *Parallel[In, Out]) SetWorkers(n int) {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("stream: workers must be between 1 and %d, got %d", maxAsked, n))
	}
	p.mu.Lock()
	p.target.Store(int64(n))
	p.mu.Unlock()
	if p.claimed.Load() < p.filled.Load() {
		p.call()
	}
}

// Workers returns how many items may be worked on at once.
func (p *Parallel[In, Out]) Workers() int { return int(p.target.Load()) }

// Queued returns how many items wait for a worker, and how many are being
// worked on or wait for their turn to be delivered.
func (p *Parallel[In, Out]) Queued() (waiting, begun int64) {
	// Each cursor passes the one before it, so read backwards they are in order.
	taken, claimed := p.taken.Load(), p.claimed.Load()
	return max(p.filled.Load()-claimed, 0), max(claimed-taken, 0)
}

// call wakes or starts one worker for an item that nobody has claimed.
func (p *Parallel[In, Out]) call() {
	for p.callable() && p.waking.CompareAndSwap(false, true) {
		if p.wakeIdle() || p.start() {
			return
		}
		// Whoever saw waking just now relied on this call: look again.
		p.waking.Store(false)
		if p.claimed.Load() >= p.filled.Load() || p.ctx.Err() != nil {
			return // when the run ends, nobody is started any more
		}
	}
}

func (p *Parallel[In, Out]) callable() bool {
	return !p.waking.Load() && (p.idle.Load() > 0 || p.running.Load() < p.target.Load())
}

func (p *Parallel[In, Out]) wakeIdle() bool {
	if !p.takeIdle() {
		return false
	}
	p.signal <- struct{}{} // has room: waking lets one signal out at a time
	return true
}

func (p *Parallel[In, Out]) takeIdle() bool {
	for n := p.idle.Load(); n > 0; n = p.idle.Load() {
		if p.idle.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

func (p *Parallel[In, Out]) start() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dismissed || p.running.Load() >= p.target.Load() {
		return false
	}
	p.running.Add(1)
	p.all.Add(1)
	w := &worker[In, Out]{p: p}
	go fault.Catch(w.work, w.ended)
	return true
}

// retire reports whether this worker is one too many and is to end.
func (p *Parallel[In, Out]) retire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running.Load() <= p.target.Load() {
		return false
	}
	p.running.Add(-1)
	return true
}

// dismiss waits for the feeder and all workers. Their context is cancelled.
func (p *Parallel[In, Out]) dismiss() {
	p.mu.Lock()
	p.dismissed = true
	p.mu.Unlock()
	p.all.Wait()
}

// worker is one goroutine that works on items.
type worker[In, Out any] struct {
	p     *Parallel[In, Out]
	slot  *slot[In, Out] // whose item is in f, until its result is published
	index int64          // of that item
}

func (w *worker[In, Out]) work() {
	p := w.p
	p.waking.Store(false)
	for {
		s := p.claim()
		if s == nil {
			return
		}
		if p.lanes != nil {
			w.follow(s)
			continue
		}
		w.run(s)
	}
}

// run works on the item of s.
func (w *worker[In, Out]) run(s *slot[In, Out]) {
	w.slot, w.index = s, s.index
	out, err := w.call(s)
	if w.slot == nil { // published: the slot has left this worker's hands
		if err != nil {
			w.p.limitTo(w.index + 1)
		}
		return
	}
	w.slot = nil
	if err != nil {
		w.p.fail(s, err)
	} else {
		s.out = out
	}
	w.p.complete(s)
}

func (w *worker[In, Out]) call(s *slot[In, Out]) (Out, error) {
	if w.p.early == nil {
		return w.p.f(w.p.ctx, s.index, s.in)
	}
	return w.p.early(w.p.ctx, s.index, s.in, w.publish)
}

// publish completes the item that is in f.
func (w *worker[In, Out]) publish(out Out) {
	s := w.slot
	w.slot = nil
	s.out = out
	w.p.complete(s)
}

// ended is the worker's last act: if f did not return, that is its result.
func (w *worker[In, Out]) ended(f *fault.Fault) {
	switch s := w.slot; {
	case f == nil:
	case s == nil:
		w.p.limitTo(w.index + 1) // of the item whose result it had published
	default:
		w.p.fail(s, raised{f})
		w.p.complete(s)
	}
	w.p.all.Done()
}

// claim takes the next item, waiting for one. It returns nil once nothing more
// is to be started, or this worker is to end.
func (p *Parallel[In, Out]) claim() *slot[In, Out] {
	for {
		c := p.claimed.Load()
		switch {
		case p.running.Load() > p.target.Load() && p.retire():
			if c < p.filled.Load() {
				p.call() // the wake-up that this worker got was for an item
			}
			return nil
		case c >= p.limit.Load() || c >= p.total.Load() || p.ctx.Err() != nil:
			return nil
		case c >= p.filled.Load():
			p.awaitCall()
			continue
		}
		// Loaded before the claim: afterwards, unordered, the place may be
		// refilled. If it already was, then the claim fails.
		s := p.ring.at(c)
		if p.claimed.CompareAndSwap(c, c+1) {
			if c+1 < p.filled.Load() {
				p.call()
			}
			return s
		}
	}
}

// awaitCall makes this worker idle until it is called, or until it finds that
// there is an item after all.
func (p *Parallel[In, Out]) awaitCall() {
	p.idle.Add(1)
	if p.claimed.Load() < p.filled.Load() && p.takeIdle() {
		return
	}
	select {
	case <-p.signal:
		p.waking.Store(false)
	case <-p.ctx.Done():
	}
}

// fail notes that nothing behind s need be started.
func (p *Parallel[In, Out]) fail(s *slot[In, Out], err error) {
	s.err = err
	if p.ctx.Err() != nil {
		return // perhaps the cancellation is why
	}
	if !p.unordered {
		p.limitTo(s.index)
		return
	}
	p.limitTo(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil || s.index < p.failedAt {
		p.failed, p.failedAt = err, s.index
	}
}

// limitTo says that no item from index on need be started.
func (p *Parallel[In, Out]) limitTo(index int64) {
	for l := p.limit.Load(); index < l && !p.limit.CompareAndSwap(l, index); l = p.limit.Load() {
	}
}

// lowest returns the error of the lowest index among those that came before
// the run was cancelled, or err if it was the cancellation that came first.
func (p *Parallel[In, Out]) lowest(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	return err
}
