package generator

import (
	"context"
	"sync/atomic"
)

// gate is what a value passes on its way to the consumer. It has no type
// parameter: so its methods are small enough to be compiled into what calls them.
type gate struct {
	ctx   context.Context        // ends the generator
	ask   context.Context        // ctx, or nil if that never ends
	shut  atomic.Uint32          // see below; 0 as long as values are handed out
	life  atomic.Pointer[life]   // from the producer's beginning to its end
	ended atomic.Pointer[ending] // set once it has ended, or can no more begin

	// Guarded by the turn. What the two pointers refer to is here, too, and is
	// written before them.
	body    place // where the body of the loop stands, if there is a loop
	theLife life
	theEnd  ending
}

const (
	closed  uint32 = 1 << iota // by Close
	refused                    // the producer, or what hands out its values, was told no
)

// life is what it takes to end a producer that has begun.
type life struct {
	cancel context.CancelFunc
	halt   func()        // nil without Buffer
	gone   chan struct{} // closed when a producer with Buffer has nothing more to do
}

// ending tells why a generator ended.
type ending struct {
	err error
	cut bool // by Close, the context or the consumer, and not by the producer
}

// place is where the body of a loop stands.
type place uint8

const (
	outside place = iota
	inside        // still so at the end: it panicked or exited
	left          // it said no
)

// halted reports whether nothing may be handed out any more. It is the cost of a
// value, and one load where the context never ends. Where it may, the context
// itself is asked: a flag that a watcher sets comes some time after the cancel.
func (g *gate) halted() bool {
	return g.shut.Load() != 0 || g.ask != nil && g.ask.Err() != nil
}

// passed takes what the body of a loop said.
func (g *gate) passed(more bool) bool {
	if !more {
		return g.leave()
	}
	g.body = outside
	return true
}

// leave is noinline as refuse is: what is rare stays out of the way.
//
//go:noinline
func (g *gate) leave() bool {
	g.body = left
	return g.refuse()
}

// refuse says no to a producer, and for good: it may go on asking.
//
//go:noinline
func (g *gate) refuse() bool {
	g.shut.Or(refused)
	if l := g.life.Load(); l != nil {
		l.cancel()
	}
	return false
}
