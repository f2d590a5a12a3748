package wrapper

import (
	"context"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// frame is one or several layers that one function runs, without a closure. Which
// function is its kind. The standard order is one frame, and one more for each
// timeout.
type frame struct {
	kind  kind
	plain bool       // passed, with the call inside, no other gates, and no keys
	life  *lifecycle // of the wrapper that begins here, or nil; not for outside
	next  *frame     // nil: the call is inside

	// Of a frame that is passed, all that may stand in this order; at most one of
	// each, but for the other gates.
	retry   *retry.Policy
	breaker *breaker.Breaker // asked here, entered behind the gates
	keyed   keyedBreakers    // or one for each key, and the layer that has them
	perKey  Layer
	// The gates that most frames have, in this order, and then any others. The two
	// are fields because a loop over gates costs as much as what it calls.
	limiter   *ratelimit.Limiter
	semaphore *semaphore.Semaphore
	gates     []gate

	timeout *limit // of a timed one

	foreign Layer         // of an outside one; nil: a Recover
	hedges  bool          // foreign is a retry policy of ours that hedges
	each    keyedWrappers // what foreign is a wrapper for each key of, if the call is inside
}

// kind is what runs a frame.
type kind int

const (
	counted kind = iota // nothing but the lifecycle: count
	passed              // retry, breaker and gates: pass
	timed               // a timeout: limited
	outside             // a foreign layer or a Recover: through, caught
)

// rank is a place in a frame that is passed. A layer whose place has gone by
// begins the next frame.
type rank int

const (
	rankRetry rank = iota
	rankBreaker
	rankLimiter
	rankSemaphore
	rankGate
	rankEnd
)

// compiler turns a list of layers into frames.
type compiler struct {
	first, last *frame
	free        rank // the first place of last that is still free
}

// begin begins a frame.
func (c *compiler) begin(k kind, free rank) *frame {
	f := &frame{kind: k}
	if c.last == nil {
		c.first = f
	} else {
		c.last.next = f
	}
	c.last, c.free = f, free
	return f
}

// at returns the frame to put a part of rank r in.
func (c *compiler) at(r rank) *frame {
	if r < c.free {
		c.begin(passed, r)
	}
	c.last.kind, c.free = passed, r+1
	if r == rankGate {
		c.free = r // as many as there are
	}
	return c.last
}

// alone returns a frame for a layer of kind k, which shares it with nothing but
// a lifecycle.
func (c *compiler) alone(k kind) *frame {
	if c.last.kind != counted || k == outside {
		c.begin(k, rankEnd)
	}
	c.last.kind, c.free = k, rankEnd
	return c.last
}

// wrapper begins a frame with a lifecycle, and adds what the wrapper has.
func (c *compiler) wrapper(w *Wrapper) {
	c.begin(counted, rankRetry).life = w.life
	for _, l := range w.layers {
		c.add(l)
	}
}

func (c *compiler) add(l Layer) {
	switch l := l.(type) {
	case *ratelimit.Limiter:
		c.limiter(l)
	case *semaphore.Semaphore:
		c.semaphore(l)
	case *breaker.Breaker:
		c.at(rankBreaker).breaker = l
	case *retry.Policy:
		c.retry(l)
	case *timeoutLayer:
		c.alone(timed).timeout = l.limit
	case recoverLayer:
		c.alone(outside)
	case *Wrapper:
		c.wrapper(l)
	default:
		c.other(l)
	}
}

// other adds a layer that has no field of its own: a gate, a breaker for each key,
// or else a foreign layer.
func (c *compiler) other(l Layer) {
	if g, ok := gateOf(l); ok {
		c.gate(g)
		return
	}
	if k, ok := l.(keyedPart); ok {
		if b, ok := k.part().(keyedBreakers); ok {
			f := c.at(rankBreaker)
			f.keyed, f.perKey = b, l
			return
		}
	}
	f := c.alone(outside)
	f.foreign = l
	if k, ok := l.(keyedPart); ok {
		f.each, _ = k.part().(keyedWrappers)
	}
}

func (c *compiler) limiter(l *ratelimit.Limiter) {
	if c.suits(rankLimiter) {
		c.at(rankLimiter).limiter = l
	} else {
		c.gate(gate{from: l, limiter: l})
	}
}

func (c *compiler) semaphore(s *semaphore.Semaphore) {
	if c.suits(rankSemaphore) {
		c.at(rankSemaphore).semaphore = s
	} else {
		c.gate(gate{from: s, semaphore: s})
	}
}

// suits reports whether a limiter or a semaphore has its field: in the frame that
// is being filled, or in a new one because there is no place for gates any more.
func (c *compiler) suits(r rank) bool { return c.free <= r || c.free > rankGate }

func (c *compiler) gate(g gate) {
	f := c.at(rankGate)
	f.gates = append(f.gates, g)
}

// retry puts a policy that runs one attempt after the other in its place. One
// that hedges runs several at once, which one frame cannot: it is a layer like
// a foreign one.
func (c *compiler) retry(p *retry.Policy) {
	if p.Hedged() {
		f := c.alone(outside)
		f.foreign, f.hedges = p, true
		return
	}
	c.at(rankRetry).retry = p
}

// finish completes the frames.
func (c *compiler) finish() {
	for f := c.first; f != nil; f = f.next {
		f.plain = f.kind == passed && f.next == nil && f.gates == nil && f.keyed == nil &&
			(f.retry == nil || f.retry.Bare(context.Background()))
		if f.next != nil {
			f.each = nil // those of a key have no way back to it
		}
		if last := len(f.gates) - 1; last >= 0 && f.breaker == nil && f.keyed == nil && f.next == nil {
			f.gates[last].onlyWaits()
		}
	}
}
