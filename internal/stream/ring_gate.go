package stream

import "sync/atomic"

// gate is where one side of a [Ring] sleeps until the other has something for
// it. One goroutine waits; any number may wake it.
//
// A waiter arms the gate, looks once more at what it waits for, and then either
// waits or disarms. A waker first makes visible what the waiter looks for, then
// wakes. Go's atomics are sequentially consistent, so of "arm, then look" and
// "publish, then look whether armed" at least one sees the other: no wake-up is
// lost.
//
// Whoever takes the bit armed away owns the one signal of this round: a waker then
// owes it, a waiter that was too late must take it. So signal never holds more than
// one, and a send never blocks.
type gate struct {
	state  atomic.Uint32
	signal chan struct{} // made by the waiter before it first arms: most rings never wait
}

const (
	armed   uint32 = 1 << iota
	stopped        // for good
)

// sleepUnless sleeps until a wake, unless ready says that there is no need to, or
// until done is closed.
func (g *gate) sleepUnless(ready func() bool, done <-chan struct{}) {
	g.arm()
	if ready() {
		g.disarm()
		return
	}
	g.wait(done)
}

func (g *gate) arm() {
	if g.signal == nil {
		g.signal = make(chan struct{}, 1)
	}
	g.state.Or(armed)
}

// disarm ends a round without a wait.
func (g *gate) disarm() {
	if g.state.And(^armed)&armed == 0 {
		<-g.signal // it has been sent or is about to be
	}
}

// wait ends a round by sleeping until a waker has taken the bit armed, or done is
// closed. A nil done never is.
func (g *gate) wait(done <-chan struct{}) {
	if done == nil {
		<-g.signal // a plain receive is about half of a select
		return
	}
	select {
	case <-g.signal:
	case <-done:
		g.disarm()
	}
}

func (g *gate) wake() {
	if g.state.Load()&armed != 0 && g.state.And(^armed)&armed != 0 {
		g.signal <- struct{}{}
	}
}

func (g *gate) stop() {
	g.state.Or(stopped)
	g.wake()
}

func (g *gate) stopped() bool { return g.state.Load()&stopped != 0 }
