package stream

import "runtime"

// fill is the source's yield. It waits while the window is full.
func (p *Parallel[In, Out]) fill(v In) bool {
	i := p.filled.Load()
	if i >= p.limit.Load() || p.ctx.Err() != nil {
		return false
	}
	if i-p.seen >= p.window && !p.awaitRoom(i) {
		return false
	}
	s := p.ring.at(i)
	switch {
	case s == nil: // the first lap
		s = p.newSlot()
		p.ring.reserve(i).Store(s)
		if p.unordered {
			p.ready.reserve(i) // whoever completes as number i comes after this
		}
	case p.unordered:
		// The slot in this place may still be worked on. The one that was
		// delivered from this place of the last lap is free, and whoever
		// completes as number i comes after this.
		s = p.ready.at(i)
		p.ring.place(i).Store(s)
	}
	s.in, s.index = v, i
	if p.lanes != nil {
		p.lanes.enter(s)
	}
	p.filled.Store(i + 1)
	p.call()
	return true
}

// awaitRoom waits until item i fits into the window, and returns false once
// nothing more is wanted.
func (p *Parallel[In, Out]) awaitRoom(i int64) bool {
	for yielded := false; !p.findRoom(i); yielded = true {
		if !yielded {
			runtime.Gosched() // the consumer may be about to make room: cheaper than to sleep
			continue
		}
		p.room.arm()
		if p.findRoom(i) || i >= p.limit.Load() {
			p.room.disarm()
		} else {
			p.room.wait(p.ctx.Done())
		}
		if i >= p.limit.Load() || p.ctx.Err() != nil {
			return false
		}
	}
	return true
}

func (p *Parallel[In, Out]) findRoom(i int64) bool {
	p.seen = p.taken.Load()
	return i-p.seen < p.window
}

// newSlot makes slots in blocks that double, so that a short input makes few.
func (p *Parallel[In, Out]) newSlot() *slot[In, Out] {
	if len(p.fresh) == 0 {
		p.blocks = min(max(4, 2*p.blocks), 64, int(p.window))
		p.fresh = make([]slot[In, Out], p.blocks)
	}
	s := &p.fresh[0]
	p.fresh = p.fresh[1:]
	return s
}

// complete hands a slot whose item is done to the consumer.
func (p *Parallel[In, Out]) complete(s *slot[In, Out]) {
	t := s.index
	if p.unordered {
		t = p.tickets.Add(1) - 1
		p.ready.place(t).Store(s)
	}
	s.done.Store(t + 1)
	if p.want.Load() == t {
		p.items.wake()
	}
}

// at returns the slot to be delivered as number h, or nil while it is not done.
func (p *Parallel[In, Out]) at(h int64) *slot[In, Out] {
	ring := &p.ring
	if p.unordered {
		ring = &p.ready
	}
	if s := ring.at(h); s != nil && s.done.Load() == h+1 {
		return s
	}
	return nil
}

// consume delivers results until there is a reason to end, which it returns.
func (p *Parallel[In, Out]) consume(out func(int64, Out) bool) (end, error) {
	published := int64(0)
	for h := int64(0); ; h++ {
		s := p.at(h)
		if s == nil {
			if published != h {
				published = h
				p.free(h)
			}
			s = p.awaitItem(h)
		}
		// Looked at last: a source that is cancelled may just end, and an f may
		// just return, and neither is then what it would have been.
		if err := p.ctx.Err(); err != nil {
			return failed, err
		}
		if s == nil {
			return sourceEnded, nil
		}
		if s.err != nil {
			return failed, s.err
		}
		i, v := s.index, s.out
		var in In
		var none Out
		s.in, s.out = in, none // the slot must not keep alive what has left it
		if h+1-published >= p.batch {
			published = h + 1
			p.free(published)
		}
		if !out(i, v) {
			return broken, nil
		}
	}
}

// free tells the feeder that the slots below h are its again.
func (p *Parallel[In, Out]) free(h int64) {
	p.taken.Store(h)
	p.room.wake()
}

// awaitItem waits for number h. It returns nil if there will be none, or if ctx
// is done.
func (p *Parallel[In, Out]) awaitItem(h int64) *slot[In, Out] {
	for yielded := false; ; yielded = true {
		// The total before the slot: the last result comes before the end.
		ended := p.total.Load() == h
		if s := p.at(h); s != nil {
			return s
		}
		switch {
		case ended || p.ctx.Err() != nil:
			return nil
		case !yielded:
			runtime.Gosched()
			continue
		}
		p.want.Store(h)
		p.items.arm()
		if p.at(h) != nil || p.total.Load() == h {
			p.items.disarm()
		} else {
			p.items.wait(p.ctx.Done())
		}
		p.want.Store(-1)
	}
}
