package breaker

import "context"

// unstamped is the begin of a call whose duration nobody asks for.
const unstamped = -1

// Permit is the permission to make one call; [Breaker.Acquire] gives it. One of
// [Permit.Done], [Permit.Report] and [Permit.Cancel] ends it, and all but the
// first call of them do nothing. It must not be copied and is not safe for
// concurrent use; it may be ended on another goroutine than the one that
// acquired it. It holds the context of its Acquire until it is ended, to judge
// the outcome by. The zero value is an ended permit.
//
// A probe counts once by its lease, copies of the permit included, and one that
// is never ended is a failure when the lease is over. A permit of a closed
// breaker that is never ended counts nowhere (but see [StuckCalls]).
type Permit struct {
	_     noCopy
	b     *Breaker // nil: ended
	ctx   context.Context
	begin int64
	gen   uint32
	probe uint32 // 0: none
	epoch uint32 // 0: not followed
}

// noCopy makes go vet complain about copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Done reports that the call has returned err, which the breaker judges: see
// [DefaultOutcome] and [Classify].
func (p *Permit) Done(err error) {
	b := p.b
	if b == nil {
		return
	}
	if err != nil || !quiet(b.word.Load()) {
		p.done(err)
	}
	p.b = nil
}

// done is Done where something has to be recorded.
func (p *Permit) done(err error) {
	b := p.b
	p.b = nil
	if err == nil && b.cfg.classify == nil {
		b.settle(p, Success, nil)
		return
	}
	o := Failure
	defer func() { b.settle(p, o, err) }() // also if Classify panics
	o = b.classify(p.ctx, err)
}

// Report ends the permit with an outcome that the caller has judged; err is
// told as the cause if that opens the breaker, and may be nil.
func (p *Permit) Report(o Outcome, err error) {
	if p.b == nil {
		return
	}
	b := p.b
	p.b = nil
	if o != Success && o != Ignored {
		o = Failure
	}
	b.settle(p, o, err)
}

// Cancel ends the permit as if the call had never been: it counts nowhere, and
// the place of a probe is free again.
func (p *Permit) Cancel() { p.Report(Ignored, nil) }
