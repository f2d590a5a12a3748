package generator

import (
	"runtime"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
)

// watch makes the garbage collector end the generator if its handle is dropped
// between two pulls. A loop needs no watching: it ends the generator itself.
//
// The runtime calls cleanups outside every testing/synctest bubble, and there a
// wake-up of what sleeps in one is fatal. In a bubble nothing is watched: what is
// dropped there ends with its context, or the bubble reports it as a deadlock.
func (g *Generator[T]) watch() {
	if !inBubble() {
		g.core.watched = runtime.AddCleanup(g, abandon[T], g.core)
	}
}

// inBubble reports whether the caller is in a synctest bubble. The runtime tells
// nobody, but the clock of a bubble starts with the year 2000. A real clock that
// is so far behind costs the watching and nothing else.
func inBubble() bool { return mono.New().Time(0).Year() < 2020 }

// abandon ends a generator without a handle. So nobody pulls, and nobody waits.
func abandon[T any](c *core[T]) {
	l := c.life.Load()
	if l == nil {
		return // it has ended
	}
	l.cancel()
	if l.halt != nil {
		l.halt()
		return
	}
	// Cleanups share one goroutine, and the producer's last calls may take their
	// time. If they panic there is nobody left to tell.
	go fault.Catch(c.stop, func(*fault.Fault) {})
}
