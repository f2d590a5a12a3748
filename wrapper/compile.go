package wrapper

import (
	"fmt"
	"reflect"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// frame is a run of layers that one function runs, without a closure: at most
// one of each, in this order. The standard order is one frame; other orders
// need several.
type frame struct {
	life    *lifecycle // of the wrapper that begins here
	total   *limit
	retry   *retry.Policy
	breaker *breaker.Breaker // asked here, entered behind the gates
	// The gates that most frames have, in this order, and then any others. The two
	// are fields because a loop over gates costs as much as what it calls.
	limiter   *ratelimit.Limiter
	semaphore *semaphore.Semaphore
	gates     []gate
	waits     bool // there is a gate of any kind
	attempt   *limit
	foreign   Layer // or neither
	hedges    bool  // foreign is a retry policy of ours that hedges
	catch     bool
	bare      bool   // neither breaker nor gates nor attempt: there is nothing to enter
	next      *frame // nil: the call is inside
}

// gate is a place to wait: a limiter or a semaphore, ours or a foreign one.
// Exactly one field is set.
type gate struct {
	limiter   *ratelimit.Limiter
	semaphore *semaphore.Semaphore
	waiter    Waiter
	acquirer  Acquirer
}

// rank is a place in a frame. A layer whose place has passed begins the next.
type rank int

const (
	rankLife rank = iota
	rankTotal
	rankRetry
	rankBreaker
	rankLimiter
	rankSemaphore
	rankGate
	rankAttempt
	rankForeign
)

// compiler turns a list of layers into frames.
type compiler struct {
	first, last *frame
	free        rank // the first place of last that is still free
}

// at returns the frame to put a layer of rank r in.
func (c *compiler) at(r rank) *frame {
	if c.last == nil || r < c.free {
		f := &frame{}
		if c.last == nil {
			c.first = f
		} else {
			c.last.next = f
		}
		c.last = f
	}
	c.free = r + 1
	if r == rankGate {
		c.free = r // as many as there are
	}
	return c.last
}

// finish completes the frames.
func (c *compiler) finish() {
	for f := c.first; f != nil; f = f.next {
		f.waits = f.limiter != nil || f.semaphore != nil || len(f.gates) > 0
		f.bare = f.breaker == nil && !f.waits && f.attempt == nil
	}
}

func (c *compiler) add(l Layer) {
	switch l := l.(type) {
	case *ratelimit.Limiter:
		c.limiter(l)
	case *semaphore.Semaphore:
		c.semaphore(l)
	case *ratelimit.Multi:
		c.gate(gate{waiter: l})
	case waiterLayer:
		c.gate(gate{waiter: l.waiter})
	case acquirerLayer:
		c.gate(gate{acquirer: l.acquirer})
	case *breaker.Breaker:
		c.at(rankBreaker).breaker = l
	case *retry.Policy:
		c.retry(l)
	case *timeoutLayer:
		if c.last == nil || c.free <= rankTotal || c.free > rankAttempt {
			c.at(rankTotal).total = l.limit
			return
		}
		c.at(rankAttempt).attempt = l.limit
	case recoverLayer:
		c.at(rankForeign).catch = true
	case *Wrapper:
		c.at(rankLife).life = l.life
		for _, inner := range l.layers {
			c.add(inner)
		}
	default:
		c.at(rankForeign).foreign = l
	}
}

func (c *compiler) limiter(l *ratelimit.Limiter) {
	if c.suits(rankLimiter) {
		c.at(rankLimiter).limiter = l
	} else {
		c.gate(gate{limiter: l})
	}
}

func (c *compiler) semaphore(s *semaphore.Semaphore) {
	if c.suits(rankSemaphore) {
		c.at(rankSemaphore).semaphore = s
	} else {
		c.gate(gate{semaphore: s})
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
		f := c.at(rankForeign)
		f.foreign, f.hedges = p, true
		return
	}
	c.at(rankRetry).retry = p
}

// checkLayers panics if a layer is nil, or a nil pointer or function.
func checkLayers(layers []Layer) {
	for i, l := range layers {
		isNil := l == nil
		switch v := reflect.ValueOf(l); v.Kind() {
		case reflect.Pointer, reflect.Func, reflect.Map:
			isNil = v.IsNil()
		default: // no nil of its kind is a layer
		}
		if isNil {
			panic(fmt.Sprintf("wrapper: layer %d is nil (%T); leave it out", i, l))
		}
	}
}
