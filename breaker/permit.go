package breaker

import (
	"context"
	"sync/atomic"
)

// unstamped is the begin of a call whose duration nobody asks for.
const unstamped = -1

// Permit is the permission to make one call; [Breaker.Acquire] gives it. One of
// [Permit.Done], [Permit.Report] and [Permit.Cancel] ends it, and all but the
// first call of them do nothing. It must not be copied and is not safe for
// concurrent use; it may be ended on another goroutine than the one that
// acquired it. It holds the context of its Acquire, to judge the outcome by. The zero value is an ended permit.
//
// A probe counts once by its lease, copies of the permit included, and one that
// is never ended is a failure when the lease is over. A permit of a closed
// breaker that is never ended counts nowhere (but see [StuckCalls]).
type Permit struct {
	_    noCopy
	call *call // nil: ended
	ctx  context.Context
	ref  uint64 // the generation, as in the word, and the serial of the call
}

// noCopy makes go vet complain about copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// call is what a breaker has to know of a call beside its generation. It is not
// part of the Permit because that would no longer fit into registers, which
// makes the whole of Acquire and Done three times as slow.
type call struct {
	b     *Breaker
	begin int64
	epoch uint64 // 0: not followed
	probe uint32 // 0: none
	// serial is the number of the use of this record by a permit: it is used
	// again, and a copy of an ended permit must not end somebody else's call.
	serial atomic.Uint32
}

// take ends the permit and reports whether it was not ended before.
func (p *Permit) take() (*call, bool) {
	c := p.call
	p.call = nil
	if c == nil {
		return nil, false
	}
	serial := uint32(p.ref) // #nosec G115 -- the lower half is wanted
	return c, c == &c.b.plain || c.serial.CompareAndSwap(serial, serial+1)
}

// recycle returns the record of a permit that is ended.
func (c *call) recycle() {
	if c != &c.b.plain {
		c.b.calls.Put(c)
	}
}

// Done reports that the call has returned err, which the breaker judges: see
// [DefaultOutcome] and [Classify].
func (p *Permit) Done(err error) {
	if c := p.call; err != nil || c == nil || !quiet(c.b.word.Load()) {
		p.done(err)
	}
	p.call = nil
}

// done is Done where something has to be recorded.
func (p *Permit) done(err error) {
	if c, ok := p.take(); ok {
		if c == &c.b.plain {
			if err != nil || !c.b.passed(p.ref) {
				c.b.done(p.ctx, p.ref, err)
			}
			return
		}
		c.b.finish(p.ctx, c, genOf(p.ref), err)
		c.recycle()
	}
}

// Report ends the permit with an outcome that the caller has judged; err is
// told as the cause if that opens the breaker, and may be nil.
func (p *Permit) Report(o Outcome, err error) {
	c, ok := p.take()
	if !ok {
		return
	}
	if o != Success && o != Ignored {
		o = Failure
	}
	e := ending{outcome: o, err: err}
	defer func() {
		c.b.settle(p.ctx, c, genOf(p.ref), &e)
		c.recycle()
	}() // also if a method of err panics
	e.wait = c.b.asked(&e)
}

// Cancel ends the permit as if the call had never been: it counts nowhere, and
// the place of a probe is free again.
func (p *Permit) Cancel() { p.Report(Ignored, nil) }
