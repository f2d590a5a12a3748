package waiting

import "time"

// Parker is embedded in a waiter that goes to sleep outside the lock of its
// queue. Who decides about the waiter sends it one token; the waiter takes one
// for each decision. So a Parker that goes back to a pool holds none.
//
// It is made by NewParker and must not be copied after its first use.
type Parker struct {
	next  *Parker       // in a Chain
	token chan struct{} // cap 1
	timer *time.Timer   // nil before the first After
}

// NewParker returns a Parker without a token.
func NewParker() Parker { return Parker{token: make(chan struct{}, 1)} }

// Token returns the channel that delivers the token.
func (p *Parker) Token() <-chan struct{} { return p.token }

// After returns a channel that delivers after d. An earlier one delivers no more.
func (p *Parker) After(d time.Duration) <-chan time.Time {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	return p.timer.C
}

// Stop ends what After began.
func (p *Parker) Stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Chain collects those that are to get a token, in order, while a lock is held.
// The zero value is empty.
type Chain struct{ head, tail *Parker }

// Add appends p, which must be in no Chain.
func (c *Chain) Add(p *Parker) {
	if c.tail == nil {
		c.head = p
	} else {
		c.tail.next = p
	}
	c.tail = p
}

// Join appends those of d, which must not be used any more.
func (c *Chain) Join(d Chain) {
	if d.head != nil {
		c.Add(d.head)
		c.tail = d.tail
	}
}

// Send gives each its token. It is called with every lock released: a waiter
// belongs to its own goroutine again from the moment it has the token.
func (c Chain) Send() {
	for p := c.head; p != nil; {
		next := p.next
		p.next = nil
		p.token <- struct{}{}
		p = next
	}
}
